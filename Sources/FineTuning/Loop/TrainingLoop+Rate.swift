internal import Foundation
internal import Transformer

// The search for a learning rate before the first step (`lr: auto`): every trial begins from the same start, bit for bit, and
// so does the run.

extension TrainingLoop {
  /// A trial that is under way.
  struct RateTrial {
    var rates: [Double]
    var steps: Int
    var held: [TokenBatch]
    var batches: [[TokenBatch]]
    var done = 0
    var validation: ValidationPass?
  }

  var isRateDue: Bool {
    session.recipe.lr == .automatic && state.rate == nil && state.steps == 0
      && session.stepCount > 0
  }

  func beginRateSearch() throws {
    if savedStep != 0 { try save() }
    let extent = RateSearch.extent(steps: session.stepCount)
    let plan = session.batchPlan
    let sequences = session.data.train.sequences
    // A part of each of the first batches; where there are fewer batches than steps, they come again.
    let batches = (0..<extent.steps).map { step -> [TokenBatch] in
      let all = plan.step(step % plan.stepCount).microBatches.flatMap(\.self).sorted()
      let count = max(1, all.count / RateSearch.part)
      let first = step / plan.stepCount * count % max(all.count - count + 1, 1)
      return BatchPlan.pack(
        Array(all[first..<first + count]), lengths: plan.lengths, limit: plan.microTokens
      ).map { run in TokenBatch(run.map { sequences[$0] }) }
    }
    state.rateTrials = []
    phase = .searching(
      RateTrial(
        rates: RateSearch.rates(
          around: RateSearch.centre(session.trainer.optimizer.settings), trials: extent.trials),
        steps: extent.steps, held: heldForRates(batches), batches: batches))
  }

  /// Micro-batches to judge trials on, as many tokens as two trial steps have six times over: of the validation part, or, where
  /// there is none, of the last batches, which no trial sees.
  private func heldForRates(_ batches: [[TokenBatch]]) -> [TokenBatch] {
    let step = batches.first?.reduce(0) { $0 + $1.tokenCount } ?? 1
    let most = max(6 * step, 1)
    if let held = session.validationBatches {
      let count = held.count * most / max(held.tokenCount, 1)
      return held.spread(max(1, count)).filter { $0.targetCount > 0 }
    }
    let held = session.batchPlan.batches(
      session.stepCount - 1, of: session.data.train.sequences
    ).filter { $0.targetCount > 0 }
    let tokens = held.reduce(0) { $0 + $1.tokenCount }
    let count = max(1, min(held.count, held.count * most / max(tokens, 1)))
    return (0..<count).map { held[$0 * held.count / count] }
  }

  /// One step, or one micro-batch of the judgement, of the trial under way.
  func advance(_ trial: RateTrial) throws {
    var trial = trial
    guard let rate = trial.rates.first else { return try finishRateSearch() }
    do {
      if trial.done < trial.steps {
        // Linear to nothing, as runs end: half-way rates swing.
        let share = 1 - Double(trial.done) / Double(trial.steps)
        _ = try session.trainer.step(
          trial.batches[trial.done], learningRate: rate * share, stop: stop)
        trial.done += 1
        phase = .searching(trial)
        return emit(
          .searchingRate(
            rate: rate, done: (state.rateTrials?.count ?? 0) * (trial.steps + 1) + trial.done,
            of: ((state.rateTrials?.count ?? 0) + trial.rates.count) * (trial.steps + 1)))
      }
      var pass = trial.validation ?? ValidationPass(trial.held, withAdapters: true)
      let goesOn = pass.advance(session.trainer, stop: stop)
      if stop.isRaised { return }
      trial.validation = pass
      guard !goesOn || pass.done == pass.count else {
        phase = .searching(trial)
        return
      }
      try judge(&trial, rate, pass.loss.isFinite ? pass.loss : nil)
    } catch TrainingError.notANumber {
      // The base is sound if the smallest rate is: a rate too high is what trials are for.
      try judge(&trial, rate, nil)
    }
  }

  private func judge(_ trial: inout RateTrial, _ rate: Double, _ loss: Double?) throws {
    state.rateTrials = (state.rateTrials ?? []) + [RateSearch.Trial(rate: rate, loss: loss)]
    emit(.rateTried(rate: rate, loss: loss))
    try restoreStart()
    trial.rates.removeFirst()
    (trial.done, trial.validation) = (0, nil)
    phase = .searching(trial)
  }

  private func restoreStart() throws {
    let store = CheckpointStore(folder: directory.checkpoints)
    do throws(Checkpoint.Damage) {
      let checkpoint = try Checkpoint(path: store.path(0))
      do { try checkpoint.restore(session.trainer) } catch let error as Checkpoint.Damage {
        throw error
      } catch {
        throw Checkpoint.Damage(description: "\(error)")
      }
    } catch {
      throw RunDirectory.Failure.noCheckpoint(
        path: store.path(0), reason: error.description)
    }
  }

  private func finishRateSearch() throws {
    let trials = state.rateTrials ?? []
    guard let found = RateSearch.choice(trials) else {
      throw session.explainedValidation()
    }
    // As the recipe will have it, so that the recipe repeats the run.
    let rate = Double(Float(String(format: "%.3g", found)) ?? Float(found))
    state.rate = ExactNumber(rate)
    session.take(rate: rate)
    try directory.write(session.repeatable.yaml(), to: RunDirectory.Name.recipe)
    phase = .training
    emit(.rateChosen(rate: rate))
  }
}
