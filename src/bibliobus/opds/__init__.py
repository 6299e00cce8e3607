"""The records of the port as readers' apps want them: pure, knowing no vendor and no web."""
