"""Who can reach the service."""

import socket
from ipaddress import IPv6Address, ip_address


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine can: by the listener's own address. A unix socket has a proxy before it."""
    if listener.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    address = ip_address(listener.getsockname()[0].partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback
