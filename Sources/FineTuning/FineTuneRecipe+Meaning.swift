// What a validated recipe's names stand for.

extension FineTuneRecipe {
  /// `compute`.
  var computeType: ComputeType { ComputeType(rawValue: compute) ?? .auto }

  /// `init`.
  var start: AdapterInitialization { AdapterInitialization(rawValue: initialization) ?? .loraOne }

  /// `schedule`.
  var scheduleShape: LearningRateSchedule.Shape {
    LearningRateSchedule.Shape(rawValue: schedule) ?? .linear
  }
}
