"""What runs on this host: sockets and processes matched to known services."""

from gnomon.agent.discovery.model import Offer, Service
from gnomon.agent.discovery.offering import Discovery, discover, offers

__all__ = ["Discovery", "Offer", "Service", "discover", "offers"]
