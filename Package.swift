// swift-tools-version: 6.1
import PackageDescription

let package = Package(
  name: "swift-lambda-websocket-chat",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "bootstrap", targets: ["Bootstrap"]),
    .library(name: "RuntimeClient", targets: ["RuntimeClient", "HTTP", "EventLoop", "Log"]),
    .library(name: "RuntimeTesting", targets: ["RuntimeTesting", "HTTP"]),
    .library(name: "AWS", targets: ["AWS", "HTTP", "EventLoop"]),
    .library(name: "WebSocketAPI", targets: ["WebSocketAPI", "AWS", "HTTP", "EventLoop", "Log"]),
    .library(name: "JWT", targets: ["JWT"]),
  ],
  traits: [
    .trait(
      name: "Lean", description: "The Runtime API client on plain sockets: no URLSession, no Foundation, one thread.")
  ],
  // Every imported module is named: a target is not recompiled when an unnamed one changes.
  targets: [
    .executableTarget(
      name: "Bootstrap", dependencies: ["Handlers", "WebSocketAPI", "RuntimeClient", "AWS", "HTTP", "Log"]),
    .target(
      name: "Handlers", dependencies: ["WebSocketAPI", "AWS", "HTTP", "EventLoop", "JSON", "JWT", "Log"]),
    .target(name: "WebSocketAPI", dependencies: ["AWS", "HTTP", "EventLoop", "JSON", "Log"]),
    .target(name: "RuntimeClient", dependencies: ["HTTP", "EventLoop", "JSON", "Log"]),
    .target(name: "RuntimeTesting", dependencies: ["HTTP"]),
    .target(name: "AWS", dependencies: ["HTTP", "EventLoop", "JSON", "Log", "CCrypto"]),
    .target(name: "JWT", dependencies: ["JSON", "CCrypto"]),
    .target(name: "JSON"),
    .target(name: "HTTP", dependencies: ["EventLoop", "CCurl"]),
    .target(name: "EventLoop"),
    .target(name: "Log", dependencies: ["JSON"]),
    .systemLibrary(
      name: "CCurl",
      pkgConfig: "libcurl",
      providers: [.apt(["libcurl4-openssl-dev"]), .yum(["libcurl-devel"]), .brew(["curl"])]
    ),
    .systemLibrary(
      name: "CCrypto",
      pkgConfig: "libcrypto",
      providers: [.apt(["libssl-dev"]), .yum(["openssl-devel"]), .brew(["openssl@3"])]
    ),
    .executableTarget(
      name: "Hello", dependencies: ["RuntimeClient"], path: "Examples/Hello", exclude: ["event.json"]),
    .executableTarget(
      name: "Orders", dependencies: ["RuntimeClient"], path: "Examples/Orders", exclude: ["event.json"]),
    .executableTarget(
      name: "WebSocketEcho", dependencies: ["WebSocketAPI", "RuntimeClient", "AWS", "HTTP"],
      path: "Examples/WebSocketEcho", exclude: ["event.json"]),
    .executableTarget(
      name: "Streaming", dependencies: ["RuntimeClient", "EventLoop"], path: "Examples/Streaming",
      exclude: ["event.json"]),

    .target(
      name: "TestServers", dependencies: ["RuntimeTesting"], path: "Tests/TestServers",
      exclude: ["tls_front.py"]),
    .target(name: "TestSupport", dependencies: ["EventLoop"], path: "Tests/TestSupport"),
    .executableTarget(name: "RuntimeBench", dependencies: ["TestServers"], path: "Benchmarks/RuntimeBench"),
    .executableTarget(name: "DeliveryModel", dependencies: ["JSON", "CCrypto"], path: "Benchmarks/DeliveryModel"),
    .testTarget(name: "EventLoopTests", dependencies: ["EventLoop", "HTTP", "TestServers", "TestSupport"]),
    .testTarget(name: "HTTPTests", dependencies: ["HTTP", "EventLoop", "TestServers", "TestSupport"]),
    .testTarget(name: "JSONTests", dependencies: ["JSON", "TestServers"]),
    .target(name: "JWTTestSupport", dependencies: ["JWT"], path: "Tests/JWTTestSupport"),
    .testTarget(
      name: "JWTTests", dependencies: ["JWT", "JSON", "CCrypto", "JWTTestSupport", "TestServers", "TestSupport"],
      exclude: ["Vectors"]),
    .testTarget(name: "LogTests", dependencies: ["Log", "TestSupport"]),
    .testTarget(
      name: "RuntimeClientTests",
      dependencies: ["RuntimeClient", "EventLoop", "HTTP", "Log", "TestServers", "TestSupport"]),
    .testTarget(
      name: "AWSTests", dependencies: ["AWS", "HTTP", "EventLoop", "JSON", "TestServers"],
      exclude: ["signer_vectors.py"]),
    .target(
      name: "WebSocketAPITestSupport", dependencies: ["WebSocketAPI", "AWS", "HTTP", "Log", "TestServers"],
      path: "Tests/WebSocketAPITestSupport"),
    .testTarget(
      name: "WebSocketAPITests",
      dependencies: [
        "WebSocketAPI", "AWS", "HTTP", "EventLoop", "Log", "TestServers", "WebSocketAPITestSupport",
      ]
    ),
    .testTarget(
      name: "HandlersTests",
      dependencies: [
        "Handlers", "WebSocketAPI", "AWS", "HTTP", "EventLoop", "JWT", "Log", "JWTTestSupport", "TestServers",
        "WebSocketAPITestSupport",
      ]),
    .testTarget(name: "DeliveryModelTests", dependencies: ["DeliveryModel"]),
    .testTarget(name: "BootstrapTests", dependencies: ["Bootstrap", "TestServers", "TestSupport"]),
    .testTarget(
      name: "ExamplesTests",
      dependencies: [
        "Hello", "Orders", "Streaming", "WebSocketEcho", "RuntimeClient", "RuntimeTesting", "WebSocketAPI",
        "WebSocketAPITestSupport",
      ],
      path: "Examples/Tests"),
  ],
  swiftLanguageModes: [.v6]
)
