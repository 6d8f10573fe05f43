"""Generated from protos/sendwhen/v1 by `make protos`; committed so that a clone works without protoc."""
