/// How tokens are chosen and when generation ends.
public struct GenerationOptions: Sendable, Equatable {
  /// Most tokens to generate.
  public var maxTokens: Int
  /// 0 takes the likeliest token; above, probabilities are `softmax(logits / temperature)`.
  public var temperature: Float
  /// Keep the likeliest tokens whose probabilities sum to this share; 1 keeps all.
  public var topP: Float
  /// Keep at most so many of the likeliest tokens; nil keeps all.
  public var topK: Int?
  /// Same seed, same prompt, same model: same text.
  public var seed: UInt64
  /// Texts that end generation; they are not part of the result.
  public var stop: [String]
  /// Goes on after the model's end-of-turn tokens, for a known number of tokens in a measurement.
  public var ignoresEnd: Bool

  public init(
    maxTokens: Int = 256, temperature: Float = 0, topP: Float = 1, topK: Int? = nil,
    seed: UInt64 = 42, stop: [String] = [], ignoresEnd: Bool = false
  ) {
    self.maxTokens = maxTokens
    self.temperature = temperature
    self.topP = topP
    self.topK = topK
    self.seed = seed
    self.stop = stop
    self.ignoresEnd = ignoresEnd
  }

  /// Throws `invalidOption` for values that mean nothing.
  public func validate() throws(InferenceError) {
    func check(_ good: Bool, _ name: String, _ value: String, _ allowed: String)
      throws(InferenceError)
    {
      guard good else { throw .invalidOption(name: name, value: value, allowed: allowed) }
    }
    try check(maxTokens >= 0, "max-tokens", "\(maxTokens)", "0 or more")
    try check(
      temperature >= 0 && temperature.isFinite, "temperature", "\(temperature)", "0 or more")
    try check(topP > 0 && topP <= 1, "top-p", "\(topP)", "above 0 and at most 1")
    try check((topK ?? 1) > 0, "top-k", "\(topK ?? 1)", "1 or more")
    try check(!stop.contains(""), "stop", "\"\"", "a text that is not empty")
  }
}
