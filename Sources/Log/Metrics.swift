import JSON

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
    logger.write(line(metrics, group, at: now, logger.requestID), level: .info, format: .json, at: now)
  }

  /// The line: values and dimension at the top level, and their definitions under `_aws`.
  private func line(_ metrics: [Metric], _ group: Group?, at date: Date, _ requestID: String?) -> String {
    var line = JSONObjectText()
    var header = JSONObjectText()
    header.add("Timestamp", date.milliseconds)
    var directives: [[UInt8]] = []
    if !metrics.isEmpty { directives.append(directive(["FunctionName"], metrics)) }
    if let group, !group.metrics.isEmpty {
      directives.append(directive(["FunctionName", group.dimension], group.metrics))
    }
    header.add("CloudWatchMetrics", array: directives)
    line.add("_aws", json: header.bytes)
    line.add("FunctionName", functionName)
    if let requestID { line.add("requestId", requestID) }
    if let group { line.add(group.dimension, group.value) }
    var names: Set<String> = []
    for metric in metrics + (group?.metrics ?? []) where names.insert(metric.name).inserted {
      line.add(metric.name, metric.value)
    }
    return String(decoding: line.bytes, as: UTF8.self).escapingInvisibleCharacters
  }

  private func directive(_ dimensions: [String], _ metrics: [Metric]) -> [UInt8] {
    let definitions = metrics.map { metric in
      var definition = JSONObjectText()
      definition.add("Name", metric.name)
      definition.add("Unit", metric.unit.rawValue)
      return definition.bytes
    }
    var directive = JSONObjectText()
    directive.add("Namespace", namespace)
    directive.add("Dimensions", arrays: [dimensions])
    directive.add("Metrics", array: definitions)
    return directive.bytes
  }
}
