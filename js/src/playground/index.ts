// The playground's front end.
import { widget } from "../widget";
import { app } from "./app";
import { playOf, share } from "./play";

export default widget("gw-playground", share, (shared, root, ends) => app(playOf(shared, root, ends)));
