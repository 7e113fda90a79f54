// The attention heatmap's front end.
import { widget } from "../widget";
import { app } from "./app";
import { panelsOf, share } from "./panels";

export default widget("gw-heatmap", share, (shared, root, ends) => app(panelsOf(shared, root, ends)));
