"""Parts of the playground tab: the task's form, answering one text, answering many."""
