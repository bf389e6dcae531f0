/** API keys: what they may look like. Apart, because the launcher reads it and loads no library. */

/** Characters of a key; a longer one is not hashed. */
export const API_KEY_LENGTH_MAX = 512;

/** What an Authorization header can carry. */
export const API_KEY = new RegExp(`^[\\x21-\\x7e]{1,${API_KEY_LENGTH_MAX}}$`);
