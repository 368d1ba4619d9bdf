#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Metrics as log lines in CloudWatch's embedded metric format, from which CloudWatch extracts them without an API call.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
public struct Metrics: Sendable {
  /// A metric's unit, named as in CloudWatch.
  public enum Unit: String, Sendable {
    /// A number of events.
    case count = "Count"
    /// A duration in milliseconds.
    case milliseconds = "Milliseconds"
  }

  /// The value of one metric.
  public struct Metric: Sendable, Equatable {
    let name: String
    let unit: Unit
    let value: Double

    /// Creates a value.
    public init(_ name: String, _ unit: Unit, _ value: Double) {
      self.name = name
      self.unit = unit
      self.value = value
    }
  }

  /// Metrics with one more dimension.
  public struct Group: Sendable, Equatable {
    let dimension: String
    let value: String
    let metrics: [Metric]

    /// Creates a group.
    ///
    /// - Parameters:
    ///   - dimension: the name of the dimension beside `FunctionName`.
    ///   - value: its value: one of few, because each is a metric of its own.
    ///   - metrics: the values.
    public init(dimension: String, value: String, _ metrics: [Metric]) {
      self.dimension = dimension
      self.value = value
      self.metrics = metrics
    }
  }

  private let namespace: String
  private let functionName: String

  /// Creates the metrics of a function, whose name is their only dimension, `FunctionName`.
  public init(namespace: String, functionName: String) {
    self.namespace = namespace
    self.functionName = functionName
  }

  /// Writes one line with all values, at any level of the logger.
  ///
  /// - Parameters:
  ///   - metrics: the values by function.
  ///   - group: values by one more dimension; one of a name that `metrics` has too must be the same.
  ///   - logger: writes the line.
  public func write(_ metrics: [Metric], _ group: Group? = nil, to logger: Logger) {
    let now = Date()
    let line = Line(
      namespace: namespace, functionName: functionName, requestID: logger.requestID, metrics: metrics, group: group,
      date: now)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      let json = String(decoding: try encoder.encode(line), as: UTF8.self).escapingInvisibleCharacters
      logger.write(json, level: .info, format: .json, at: now)
    } catch {
      logger.error("Metrics could not be written.", error: error)
    }
  }

  /// The line: values and dimension at the top level, and their definitions under `_aws`.
  private struct Line: Encodable {
    let namespace: String
    let functionName: String
    let requestID: String?
    let metrics: [Metric]
    let group: Group?
    let date: Date

    private struct Key: CodingKey {
      let stringValue: String
      let intValue: Int? = nil
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    private struct Header: Encodable {
      struct Directive: Encodable {
        struct Definition: Encodable { let Name: String, Unit: String }
        let Namespace: String
        let Dimensions: [[String]]
        let Metrics: [Definition]
      }
      let Timestamp: Int64
      let CloudWatchMetrics: [Directive]
    }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Key.self)
      var directives = [directive(["FunctionName"], metrics)]
      if let group { directives.append(directive(["FunctionName", group.dimension], group.metrics)) }
      let header = Header(
        Timestamp: Int64(date.timeIntervalSince1970 * 1000),
        CloudWatchMetrics: directives.filter { !$0.Metrics.isEmpty })
      try container.encode(header, forKey: Key(stringValue: "_aws"))
      try container.encode(functionName, forKey: Key(stringValue: "FunctionName"))
      try container.encodeIfPresent(requestID, forKey: Key(stringValue: "requestId"))
      if let group { try container.encode(group.value, forKey: Key(stringValue: group.dimension)) }
      for metric in metrics + (group?.metrics ?? []) {
        try container.encode(metric.value, forKey: Key(stringValue: metric.name))
      }
    }

    private func directive(_ dimensions: [String], _ metrics: [Metric]) -> Header.Directive {
      Header.Directive(
        Namespace: namespace, Dimensions: [dimensions],
        Metrics: metrics.map { Header.Directive.Definition(Name: $0.name, Unit: $0.unit.rawValue) })
    }
  }
}
