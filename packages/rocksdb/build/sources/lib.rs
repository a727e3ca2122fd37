// Empty: cargo wants a target before it downloads sources.
