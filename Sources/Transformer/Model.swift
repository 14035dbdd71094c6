public import ModelFiles
public import Tensors

/// A frozen quantized decoder: tokens in, losses and gradients out.
///
/// The model is immutable and shared; a `Workspace` and an `AdapterSet` are the mutable state of whoever runs it.
public struct Model: Sendable {
  public private(set) var configuration: ModelConfiguration
  public let weights: ModelWeights
  /// What the products with the blocks' weights and, where a loss is taken, with the head are computed in, forward and
  /// backward. Those of experts, routers and adapters, and the logits of generation, are computed in the activations' type.
  public var arithmetic = ProductArithmetic.activations
  /// The pages of each part of the file are given back once it has been used, and those of the next are asked for: for files
  /// larger than the memory budget. Results are the same to the bit.
  public var streamsWeights = false

  /// Reads and checks everything; maps, but does not read, the weights.
  public init(_ file: GGUFFile) throws {
    configuration = try ModelConfiguration(file)
    weights = try ModelWeights(file, configuration)
  }

  /// Chooses the rotations for a run whose longest sequence has `longest` tokens: `ModelConfiguration.preparing`.
  public mutating func prepare(forSequencesOf longest: Int) {
    configuration = configuration.preparing(forSequencesOf: longest)
  }

  // MARK: - Forward

  /// Runs all blocks over a micro-batch; the residual stream and what the backward needs stay in `workspace`.
  /// `adapters: nil` runs the base. It ends early, with nothing of use left behind, once `stop` is raised.
  public func forward(
    _ batch: TokenBatch, adapters: AdapterSet?, _ workspace: Workspace, stop: StopFlag? = nil
  ) {
    embed(batch.ids, workspace)
    for layer in 0..<configuration.layerCount {
      if stop.isRaised { return }
      forwardBlock(layer, batch, adapters: adapters, workspace)
      workspace.writeBoundary(layer, tokens: batch.tokenCount)
    }
  }

  /// Looks the embeddings up into the residual stream.
  public func embed(_ ids: [Int32], _ workspace: Workspace) {
    precondition(ids.count <= workspace.shape.tokens)
    precondition(ids.allSatisfy { $0 >= 0 && Int($0) < configuration.vocabularySize })
    let residual = workspace.buffers.residual.prefix(ids.count)
    Codec.gather(weights.embedding, ids: ids, into: residual)
    if configuration.embeddingScale != 1 { scale(residual, by: configuration.embeddingScale) }
    release(weights.embedding)
  }

  private func release(_ matrix: QuantizedMatrix) {
    if streamsWeights { matrix.file.releasePages(matrix.fileRange) }
  }

  /// Runs `body` on block `layer`; when weights are streamed, those of block `next` (the head after the last) are asked for
  /// meanwhile.
  private func withBlock<Failure: Error>(
    _ layer: Int, next: Int, _ adapters: AdapterSet?, _ body: (Block) throws(Failure) -> Void
  ) throws(Failure) {
    if streamsWeights {
      if weights.blocks.indices.contains(next) {
        weights.blocks[next].prefetch()
      } else if next > layer {
        weights.head.file.prefetch(weights.head.fileRange)
      }
    }
    defer { if streamsWeights { weights.blocks[layer].releasePages() } }
    try body(
      Block(
        layer: layer, shape: configuration.layers[layer], configuration: configuration,
        weights: weights.blocks[layer],
        adapters: adapters, arithmetic: arithmetic, streamsWeights: streamsWeights))
  }

  /// Runs one block over the residual stream, keeping its input.
  public func forwardBlock(
    _ layer: Int, _ batch: TokenBatch, adapters: AdapterSet?, _ workspace: Workspace
  ) {
    let tokens = batch.tokenCount
    let residual = workspace.buffers.residual.prefix(tokens)
    workspace.boundary(layer)?.prefix(tokens).assign(residual)
    withBlock(layer, next: layer + 1, adapters) { block in
      block.forward(
        Block.Forward(
          residual: residual, batch: batch, saved: workspace.block(layer).prefix(tokens),
          workspace: workspace))
    }
  }

  // MARK: - Loss

  /// Loss at every target of the batch, from the residual stream that `forward` left.
  ///
  /// - Parameter gradientWeight: when not nil, the gradient of `gradientWeight · Σ nll` starts to flow: it is left
  ///   for `backward`.
  /// - Returns: the negative log-likelihood of each target, in the order of the rows that have one; of the first ones only
  ///   once `stop` is raised.
  public func loss(
    _ batch: TokenBatch, _ workspace: Workspace, gradientWeight: Float? = nil,
    stop: StopFlag? = nil
  ) -> [Float] {
    loss(
      batch, workspace,
      gradientWeights: gradientWeight.map { Array(repeating: $0, count: batch.tokenCount) },
      stop: stop)
  }

  /// The same with a weight a row (only rows with a target count).
  public func loss(
    _ batch: TokenBatch, _ workspace: Workspace, gradientWeights: [Float]?,
    stop: StopFlag? = nil
  ) -> [Float] {
    let rows = batch.targets.indices.filter { batch.targets[$0] != TokenSequence.ignored }
    if gradientWeights != nil {
      workspace.buffers.gradients?.residual.prefix(batch.tokenCount).clear()
    }
    var losses: [Float] = []
    losses.reserveCapacity(rows.count)
    for start in stride(from: 0, to: rows.count, by: workspace.shape.lossRows) {
      if stop.isRaised { break }
      let chunk = Array(rows[start..<min(start + workspace.shape.lossRows, rows.count)])
      losses += lossChunk(
        chunk, batch.targets, workspace, weights: gradientWeights,
        rounding: arithmetic == .int8 ? batch.rounding.roundingOfLogits(row: start) : nil)
    }
    release(weights.head)
    return losses
  }

  private func lossChunk(
    _ rows: [Int], _ targets: [Int32], _ workspace: Workspace, weights rowWeights: [Float]?,
    rounding: RandomRounding?
  ) -> [Float] {
    let count = rows.count
    let buffers = workspace.buffers.loss
    let input = buffers.input.prefix(count)
    let normed = buffers.normed.prefix(count)
    let logits = buffers.logits.prefix(count)
    input.gather(workspace.buffers.residual, rows: rows)
    weights.outputNorm.apply(into: normed, input, epsilon: configuration.normEpsilon)
    multiply(into: logits, normed, weights.head, arithmetic: arithmetic)
    finish(logits)
    let chunkTargets = rows.map { targets[$0] }
    guard let rowWeights, let all = buffers.gradients, let gradients = workspace.buffers.gradients
    else {
      return crossEntropy(
        logits: logits, targets: chunkTargets, weights: Array(repeating: 1, count: count),
        gradient: nil)
    }
    let dLogits = all.logits.prefix(count)
    let losses = crossEntropy(
      logits: logits, targets: chunkTargets, weights: rows.map { rowWeights[$0] },
      gradient: dLogits)
    finishBackward(dLogits, logits)
    let dNormed = all.normed.prefix(count)
    multiplyTransposed(into: dNormed, dLogits, weights.head, rounding: rounding)
    let dInput = all.input.prefix(count)
    dInput.clear()
    weights.outputNorm.backward(
      into: dInput, dy: dNormed, input, epsilon: configuration.normEpsilon)
    dInput.scatter(to: gradients.residual, rows: rows)
    return losses
  }

  /// What a model does to its logits after the head, in place.
  private func finish(_ logits: Matrix) {
    if let bias = weights.headBias { addBias(logits, bias) }
    if configuration.logitScale != 1 { scale(logits, by: configuration.logitScale) }
    if let cap = configuration.logitSoftCap { softCap(logits, cap: cap) }
  }

  /// The gradient of the head's output from that of `finish`'s.
  private func finishBackward(_ dLogits: Matrix, _ logits: Matrix) {
    if let cap = configuration.logitSoftCap { softCapBackward(dLogits, capped: logits, cap: cap) }
    if configuration.logitScale != 1 { scale(dLogits, by: configuration.logitScale) }
  }

  /// Logits [rows, vocabulary] of chosen rows of the residual stream, at most `lossRows` of them; valid until the
  /// next call. `roundsFew` as in `extend`.
  public func logits(rows: [Int], _ workspace: Workspace, roundsFew: Bool = false) -> Matrix {
    precondition(rows.count <= workspace.shape.lossRows)
    let buffers = workspace.buffers.loss
    let input = buffers.input.prefix(rows.count)
    let normed = buffers.normed.prefix(rows.count)
    let logits = buffers.logits.prefix(rows.count)
    input.gather(workspace.buffers.residual, rows: rows)
    weights.outputNorm.apply(into: normed, input, epsilon: configuration.normEpsilon)
    linear(
      into: [LinearOutput(y: logits, weight: weights.head, adapter: nil, u: nil)], normed,
      arithmetic: .activations, roundsFew: roundsFew)
    finish(logits)
    release(weights.head)
    return logits
  }

  // MARK: - Backward

  /// Takes the gradient that `loss` left down through all blocks, adding to the adapters' gradients; of no use once `stop`
  /// is raised.
  public func backward(
    _ batch: TokenBatch, adapters: AdapterSet?, _ workspace: Workspace, stop: StopFlag? = nil
  ) {
    var sink = NoGradientSink()
    for layer in (0..<configuration.layerCount).reversed() {
      if stop.isRaised { return }
      workspace.readBoundary(layer, tokens: batch.tokenCount)
      do {
        try backwardBlock(
          layer, batch, adapters: adapters, workspace, sink: &sink, needsInput: layer > 0)
      } catch {
        preconditionFailure("a sink that ignores everything does not throw")
      }
    }
  }

  /// The backward of one block, from its kept input; `sink` sees every linear layer's input and output gradient.
  ///
  /// - Parameters:
  ///   - needsInput: false where no gradient of the block's input is wanted.
  ///   - rerun: whether the block must be run again from its input; by default where only that is kept.
  public func backwardBlock(
    _ layer: Int, _ batch: TokenBatch, adapters: AdapterSet?, _ workspace: Workspace,
    sink: inout some LinearGradientSink, needsInput: Bool, rerun: Bool? = nil
  ) throws {
    let tokens = batch.tokenCount
    let x = boundary(layer, tokens: tokens, workspace)
    let saved = workspace.block(layer).prefix(tokens)
    guard let gradients = workspace.buffers.gradients else {
      preconditionFailure("a workspace without checkpointing has no backward")
    }
    try withBlock(layer, next: layer - 1, adapters) { block in
      if rerun ?? !workspace.keepsProducts(layer) {
        let residual = workspace.buffers.residual.prefix(tokens)
        residual.assign(x)
        block.forward(
          Block.Forward(
            residual: residual, batch: batch, saved: saved, workspace: workspace, isRerun: true))
      }
      try block.backward(
        Block.Backward(
          x: x, batch: batch, saved: saved, workspace: workspace, gradients: gradients,
          needsInput: needsInput), sink: &sink)
    }
  }

  // MARK: - Generation

  /// Runs tokens that continue the sequences in `cache`: row t is at `positions[t]` of slot `slots[t]`. The rows of
  /// one slot are neighbours and in order; `starts` delimits them. Leaves the residual stream for `logits`.
  ///
  /// - Parameter roundsFew: with a few tokens of bfloat16 storage, inputs of products are rounded to 8-bit
  ///   integers (`multiplyFew`), which is faster and a little less exact.
  /// - Parameter stop: once it is raised, nothing of use is left behind.
  public func extend(
    ids: [Int32], slots: [Int32], positions: [Int32], adapters: AdapterSet?,
    cache: KeyValueCache, _ workspace: Workspace, roundsFew: Bool = false, stop: StopFlag? = nil
  ) {
    precondition(ids.count == slots.count && ids.count == positions.count && !ids.isEmpty)
    embed(ids, workspace)
    var batch = TokenBatch()
    var start = 0
    for end in 1...ids.count where end == ids.count || slots[end] != slots[end - 1] {
      batch.append(TokenSequence(allTargets: Array(ids[start..<end])))
      start = end
    }
    let residual = workspace.buffers.residual.prefix(ids.count)
    let isFew = roundsFew && ids.count <= FewProduct.mostTokens
    for layer in 0..<configuration.layerCount {
      if stop.isRaised { return }
      withBlock(layer, next: layer + 1, adapters) { block in
        var block = block
        if isFew { block.following = weights.read(after: layer) }
        block.forward(
          Block.Forward(
            residual: residual, batch: batch, saved: workspace.block(layer).prefix(ids.count),
            workspace: workspace, cache: (cache, slots, positions), roundsFew: roundsFew))
      }
    }
  }
}
