"""pScheduler's REST API as the embedded server offers it: the pages and their replies."""
