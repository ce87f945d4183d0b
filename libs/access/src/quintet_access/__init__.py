"""Who may call: clients, signing keys and access tokens, kept in a folder of QUINTET_HOME.

    access/
    ├── clients.json          clients and the hashes of their secrets (0600)
    ├── signing.json          the private key that signs tokens now (0600)
    └── public/               all that is needed to check a token, nothing secret
        ├── jwks.json         public keys by kid, rotated ones until their tokens have run out
        └── clients.json      the clients that may call now, each with its generation

The gateway and the command line write; a gRPC service needs `public/` alone.
"""
