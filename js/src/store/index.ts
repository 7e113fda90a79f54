// The store browser's front end.
import { widget } from "../widget";
import { app } from "./app";
import { share, shopOf } from "./shop";

export default widget("gw-store", share, (shared, root, ends) => app(shopOf(shared, root, ends)));
