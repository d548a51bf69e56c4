"""What another configuration would do with requests that were recorded: nothing here asks or changes anything outside."""
