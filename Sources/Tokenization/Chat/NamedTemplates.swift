/// The templates that can be asked for by name, for models whose file has none or the wrong one.
///
/// Our own wording of formats that model families share. They write texts, the texts of content
/// parts and nothing else: what they leave out (tools, calls of tools) is noticed. Begin-of-text is
/// not theirs: it is added where the model wants it. `none` joins the texts plainly and closes the
/// assistant's with the model's end.
public enum NamedTemplates {
  /// All names, in the order of help texts.
  public static let names = [
    "chatml", "llama3", "mistral", "gemma", "phi3", "zephyr", "alpaca", "none",
  ]

  /// The source of a name, in Jinja; nil for a name that is none of these.
  static func source(_ name: String) -> String? {
    guard let body = bodies[name] else { return nil }
    return said + body
  }

  /// The text of a message.
  private static let said = """
    {%- macro said(message) -%}
    {%- if message.content is string -%}{{ message.content }}
    {%- elif message.content is mapping -%}{{ message.content | tojson }}
    {%- else -%}
    {%- for part in message.content or [] -%}{{ part if part is string else part.text }}{%- endfor -%}
    {%- endif -%}
    {%- endmacro -%}

    """

  /// System messages at the beginning go into the first user turn, where a format has no place for
  /// them.
  private static let systemIntoUser = """
    {%- set ns = namespace(system='') -%}
    {%- macro asked(message) -%}
    {{ ns.system }}{{ said(message) }}
    {%- endmacro -%}

    """

  private static let bodies: [String: String] = [
    "chatml": """
    {%- for message in messages -%}
    {{ '<|im_start|>' + message.role + '\\n' + said(message) + '<|im_end|>\\n' }}
    {%- endfor -%}
    {%- if add_generation_prompt -%}{{ '<|im_start|>assistant\\n' }}{%- endif -%}
    """,
    "llama3": """
    {%- for message in messages -%}
    {{ '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + said(message) + '<|eot_id|>' }}
    {%- endfor -%}
    {%- if add_generation_prompt -%}
    {{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
    {%- endif -%}
    """,
    "mistral": systemIntoUser + """
      {%- for message in messages -%}
      {%- if message.role == 'system' -%}{%- set ns.system = ns.system + said(message) + '\\n\\n' -%}
      {%- elif message.role == 'assistant' -%}{{ ' ' + said(message) + '</s>' }}
      {%- else -%}{{ '[INST] ' + asked(message) + '[/INST]' }}{%- set ns.system = '' -%}
      {%- endif -%}
      {%- endfor -%}
      """,
    "gemma": systemIntoUser + """
      {%- for message in messages -%}
      {%- if message.role == 'system' -%}{%- set ns.system = ns.system + said(message) + '\\n\\n' -%}
      {%- else -%}
      {{ '<start_of_turn>' + ('model' if message.role == 'assistant' else message.role) + '\\n'
         + asked(message) + '<end_of_turn>\\n' }}
      {%- set ns.system = '' -%}
      {%- endif -%}
      {%- endfor -%}
      {%- if add_generation_prompt -%}{{ '<start_of_turn>model\\n' }}{%- endif -%}
      """,
    "phi3": """
    {%- for message in messages -%}
    {{ '<|' + message.role + '|>\\n' + said(message) + '<|end|>\\n' }}
    {%- endfor -%}
    {%- if add_generation_prompt -%}{{ '<|assistant|>\\n' }}{%- endif -%}
    """,
    "zephyr": """
    {%- for message in messages -%}
    {{ '<|' + message.role + '|>\\n' + said(message) + '</s>\\n' }}
    {%- endfor -%}
    {%- if add_generation_prompt -%}{{ '<|assistant|>\\n' }}{%- endif -%}
    """,
    "alpaca": """
    {%- for message in messages -%}
    {%- if message.role == 'assistant' -%}{{ said(message) + (eos_token or '') + '\\n\\n' }}
    {%- elif message.role == 'system' -%}{{ said(message) + '\\n\\n' }}
    {%- else -%}{{ '### Instruction:\\n' + said(message) + '\\n\\n### Response:\\n' }}
    {%- endif -%}
    {%- endfor -%}
    """,
    "none": """
    {%- for message in messages -%}
    {{ said(message) }}{%- if message.role == 'assistant' -%}{{ eos_token }}{%- endif -%}
    {%- endfor -%}
    """,
  ]
}
