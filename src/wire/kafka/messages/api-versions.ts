// ApiVersions: which versions of which API a broker speaks. A broker that does not know the version
// asked for answers in version 0 with error 35, so that the client can ask again (KIP-511); for the
// same reason the response header never has tagged fields.
import { defineApi } from '../api.ts'
import { bool, int16, int32, int64, list, string } from '../fields.ts'

const unsupportedVersion = 35

export const apiVersions = defineApi({
  key: 18,
  name: 'ApiVersions',
  versions: '0-4',
  flexible: '3+',
  plainResponseHeader: true,
  responseVersion: (version, bytes) =>
    bytes.length >= 6 && bytes.readInt16BE(4) === unsupportedVersion ? 0 : version,
  request: {
    clientSoftwareName: string({ versions: '3+', ignorable: true }),
    clientSoftwareVersion: string({ versions: '3+', ignorable: true }),
  },
  response: {
    errorCode: int16(),
    apiKeys: list({ apiKey: int16(), minVersion: int16(), maxVersion: int16() }),
    throttleTimeMs: int32({ versions: '1+', ignorable: true }),
    supportedFeatures: list(
      { name: string(), minVersion: int16(), maxVersion: int16() },
      { versions: '3+', ignorable: true, tag: 0, tagged: '3+' },
    ),
    finalizedFeaturesEpoch: int64({ versions: '3+', default: -1, ignorable: true, tag: 1, tagged: '3+' }),
    finalizedFeatures: list(
      { name: string(), maxVersionLevel: int16(), minVersionLevel: int16() },
      { versions: '3+', ignorable: true, tag: 2, tagged: '3+' },
    ),
    zkMigrationReady: bool({ versions: '3+', ignorable: true, tag: 3, tagged: '3+' }),
  },
})
