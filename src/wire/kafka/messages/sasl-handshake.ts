// SaslHandshake: names the SASL mechanism. After version 0 the tokens follow bare, each as int32 length
// and bytes; after version 1 they travel in SaslAuthenticate.
import { defineApi } from '../api.ts'
import { array, int16, string } from '../fields.ts'

export const saslHandshake = defineApi({
  key: 17,
  name: 'SaslHandshake',
  versions: '0-1',
  request: { mechanism: string() },
  response: { errorCode: int16(), mechanisms: array(string()) },
})
