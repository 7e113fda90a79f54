"""`gw.Playground`: watch a GPT choose its tokens, and choose otherwise."""
