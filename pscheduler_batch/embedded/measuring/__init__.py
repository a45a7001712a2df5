"""How the embedded server measures: packets, sockets and addresses."""
