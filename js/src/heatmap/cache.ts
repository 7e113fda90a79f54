export class TileCache {}
