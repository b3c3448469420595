/** What a policy is asked, before it is tokens; `policy/model/chat-template.ts` makes tokens of it. */

/** One turn of a chat, as chat templates take it. */
export interface Message {
  readonly role: string;
  readonly content: string;
}

/** The text as the model gets it, or a chat that the model's own template makes into one. */
export type Prompt = string | readonly Message[];

export interface PromptEncoder {
  /** Token ids, as the model gets them. */
  encode(prompt: Prompt): Int32Array;
}
