"""The store in a notebook: find, judge, install, publish and review GPTs."""
