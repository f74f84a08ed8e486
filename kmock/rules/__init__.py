"""The DSL: criteria in brackets, payloads after <<, views over the requests seen. No sockets, no cluster."""
