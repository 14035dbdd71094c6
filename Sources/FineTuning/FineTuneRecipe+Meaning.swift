internal import Tensors

// What a validated recipe's names stand for.

extension FineTuneRecipe {
  /// `compute`, with `auto` settled.
  var computeType: ComputeType { (ComputeType(rawValue: compute) ?? .auto).settled }

  /// Whether `compute` leaves it to the machine.
  var choosesCompute: Bool { compute == ComputeType.auto.rawValue }

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
    settings.dropout = dropout
    settings.seed = seed
    return settings
  }

  /// `train_on`.
  public var learnedRoles: Set<String> { Self.roles(trainOn) }

  private static func roles(_ text: String) -> Set<String> {
    Set(
      text.split(separator: ",", omittingEmptySubsequences: false).map {
        $0.filter { !$0.isWhitespace }
      })
  }

  /// Whether `text` names roles, with commas between.
  static let areRoles: @Sendable (String) -> Bool = { text in
    !roles(text).isEmpty
      && roles(text).allSatisfy { word in
        !word.isEmpty && word.allSatisfy { $0.isLetter || $0.isNumber || "_-".contains($0) }
      }
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

  /// What is set and does nothing, a sentence each.
  public var notices: [String] {
    guard let start = AdapterInitialization(rawValue: initialization) else { return [] }
    let usual = Self()
    let hasSize = start == .loraOne || start == .orthogonal
    let idle = [
      ("init_samples", initSamples != usual.initSamples && !start.looksAtData),
      ("init_order", initOrder != usual.initOrder && !start.looksAtData),
      ("init_loss", initLoss != usual.initLoss && !start.looksAtData),
      ("init_scale", initScale != usual.initScale && start != .loraOne),
      ("gamma", gamma != usual.gamma && !hasSize),
    ].filter(\.1).map(\.0)
    guard !idle.isEmpty else { return [] }
    return [
      "\(idle.joined(separator: ", ")): without effect on the start \(initialization); "
        + "init lora-one has a use for all of them"
    ]
  }
}
