extension RecipeSetting {
  /// What settings are called elsewhere (PEFT, Transformers, Axolotl, LLaMA-Factory, mlx-lm): guesses for a refusal, never
  /// taken as keys, since some of them count otherwise.
  private static let otherNames = [
    "base_model": "model", "model_name_or_path": "model",
    "datasets": "data", "dataset": "data", "train_file": "data",
    "output_dir": "output", "adapter_path": "output",
    "r": "rank", "lora_r": "rank", "lora_rank": "rank",
    "lora_alpha": "alpha", "use_rslora": "rslora",
    "lora_dropout": "dropout", "target_modules": "targets", "lora_target": "targets",
    "lora_target_modules": "targets", "init_lora_weights": "init",
    "learning_rate": "lr", "lr_scheduler": "schedule", "lr_scheduler_type": "schedule",
    "lr_schedule": "schedule", "warmup_steps": "warmup", "warmup_ratio": "warmup",
    "max_grad_norm": "clip", "gradient_clipping": "clip", "loraplus_lr_ratio": "lora_plus",
    "num_epochs": "epochs", "num_train_epochs": "epochs", "max_steps": "steps", "iters": "steps",
    "batch_size": "batch", "micro_batch_size": "batch", "per_device_train_batch_size": "batch",
    "gradient_accumulation_steps": "accum", "sequence_len": "seq_len", "cutoff_len": "seq_len",
    "max_length": "seq_len", "max_seq_length": "seq_len", "model_max_length": "seq_len",
    "val_set_size": "val_split", "val_size": "val_split", "eval_steps": "eval_every",
    "steps_per_eval": "eval_every", "save_steps": "save_every",
    "save_total_limit": "keep", "logging_steps": "log_every", "train_on_inputs": "train_on_prompt",
    "early_stopping_patience": "patience", "chat_template": "template", "num_threads": "threads",
  ]

  /// The key that somebody who wrote `name` may have meant: the nearest by its letters, or by its name elsewhere.
  static func key(near name: String, of keys: [String]) -> String? {
    if let key = EditDistance.nearest(to: name, among: keys, within: 1) { return key }
    let names = keys + otherNames.keys.sorted()
    return EditDistance.nearest(to: name, among: names).map { otherNames[$0] ?? $0 }
  }
}
