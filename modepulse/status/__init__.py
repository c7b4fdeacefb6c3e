"""`modepulse status`: how the service is, by what its stores and its API say."""
