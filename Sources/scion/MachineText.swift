import FineTuning
import Foundation

/// What a run says of its machine, as sentences.
enum MachineText {
  static func sentence(_ finding: MachineFinding) -> String {
    let pause = "kill -USR1 \(ProcessInfo.processInfo.processIdentifier)"
    switch finding {
    case .onBattery(let percent):
      let left = percent.map { ", which has \($0) % left" } ?? ""
      return "the machine runs on its battery\(left); pause with: \(pause)"
    case .lowBattery(let percent, let step):
      let saved = step.map { "step \($0) is saved" } ?? "nothing is trained yet"
      return "the battery has \(percent) % left: \(saved); pause with: \(pause)"
    case .hot:
      return "the processor is slowed down, since it is too hot; pause with: \(pause)"
    case .noRoom(let free, let needed):
      return "the disk of the output folder has \(bytesText(free)) free and a checkpoint may take "
        + "\(bytesText(needed)): make room, or nothing can be saved"
    }
  }
}
