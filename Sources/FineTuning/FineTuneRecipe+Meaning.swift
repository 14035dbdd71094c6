internal import Tensors

// What a validated recipe's names stand for.

extension FineTuneRecipe {
  /// `compute`.
  var computeType: ComputeType { ComputeType(rawValue: compute) ?? .auto }

  /// `init`.
  var start: AdapterInitialization { AdapterInitialization(rawValue: initialization) ?? .loraOne }

  /// `optimizer` and the settings around it.
  var optimizerSettings: OptimizerSettings {
    var settings = OptimizerSettings()
    settings.rule = OptimizerRule(rawValue: optimizer) ?? .adamW
    settings.damping = damping
    settings.loraPlus = loraPlus
    settings.freezesA = freezeA
    settings.precision = ParameterPrecision(rawValue: adapterPrecision) ?? .splitFloat32
    settings.moments = MomentPrecision(rawValue: moments) ?? .float32
    settings.weightDecay = weightDecay
    settings.seed = seed
    return settings
  }

  /// `init_order`.
  var startOrder: InitializationOrder { InitializationOrder(rawValue: initOrder) ?? .random }

  /// `init_loss`.
  var startLoss: InitializationLoss { InitializationLoss(rawValue: initLoss) ?? .tokens }

  /// `init_scale`.
  var startScale: InitializationScale { InitializationScale(rawValue: initScale) ?? .normalized }

  /// `schedule`.
  var scheduleShape: LearningRateSchedule.Shape {
    LearningRateSchedule.Shape(rawValue: schedule) ?? .linear
  }
}
