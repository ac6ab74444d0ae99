"""What the fast scheduler keeps up to date instead of walking the graph: tasks, ready tasks, the state of all."""
