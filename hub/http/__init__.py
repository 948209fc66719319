"""HTTP on the wire: the pooled client, one call to one platform; and sockets on which is served."""
