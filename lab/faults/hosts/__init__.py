"""How the hosts, their services and their endpoints are broken."""
