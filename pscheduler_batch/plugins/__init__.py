"""The plug-ins with which pScheduler runs a batch as a task, and the permission of the site for them."""
