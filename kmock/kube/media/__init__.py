"""Media: the formats of bodies and answers. JSON and YAML as Go has them, protobuf, forms of objects, negotiation."""
