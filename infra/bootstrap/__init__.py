"""What a cluster needs before Argo CD can take over: namespaces, Argo CD, secret references, the first Applications."""
