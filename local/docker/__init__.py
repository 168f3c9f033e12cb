"""Entry points and images of the containers of docker-compose.yaml."""
