// The emulator and its server are a product; the tests' other servers are here.
@_exported import RuntimeTesting
