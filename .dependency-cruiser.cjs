// Who may import whom, folder by folder. What no row allows is an error.
const may = (from, to) => ({ from: { path: `^src/${from}` }, to: { path: to.map((path) => `^src/${path}`) } })
const ENTRIES = ['encryption\\.ts$', 'index\\.ts$', 'version\\.ts$']

module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'kafkajs-is-for-types',
      severity: 'error',
      comment: 'The application brings its own; only the command makes a client, when it needs one',
      from: { path: '^src', pathNot: '^src/cli/kafka/connect\\.ts$' },
      to: { path: 'node_modules/kafkajs', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'platformatic-is-for-types-of-its-client',
      severity: 'error',
      comment: 'The application brings its own, in the version that it wants',
      from: { path: '^src' },
      to: { path: 'node_modules/@platformatic/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'core-knows-no-client',
      severity: 'error',
      comment: 'Each Kafka client is an entry of its own; a canary goes the way of real records',
      from: { path: '^src', pathNot: '^src/(clients/|nestjs/|operate/doctor/canary\\.ts$)' },
      to: { path: '^src/clients/' },
    },
    {
      name: 'clients-do-not-know-each-other',
      severity: 'error',
      comment: 'What several need is in clients/shared/, which knows none of them',
      from: { path: '^src/clients/([^/]+)/' },
      to: { path: '^src/clients/', pathNot: '^src/clients/($1|shared)/' },
    },
    {
      name: 'clients-are-free-of-their-test-helpers',
      severity: 'error',
      from: { path: '^src/clients/', pathNot: '^src/clients/[^/]+/testing/' },
      to: { path: '^src/clients/[^/]+/testing/' },
    },
    {
      name: 'kafkajs-is-for-its-client',
      severity: 'error',
      from: {
        path: '^src',
        pathNot:
          '^src/(clients/kafkajs/|nestjs/|operate/|cli/kafka/|cli/encryption-setup\\.ts$|cli/dictionary/(read-topic|open-values)\\.ts$)',
      },
      to: { path: 'node_modules/kafkajs' },
    },
    {
      name: 'nestjs-is-for-its-entry',
      severity: 'error',
      comment: 'It is optional, and nobody loads it who does not ask for it',
      from: { path: '^src', pathNot: '^src/nestjs/' },
      to: { path: 'node_modules/@nestjs|^src/nestjs/' },
    },
    {
      name: 'confluent-is-not-needed',
      severity: 'error',
      comment: "Its types are those of the application's copy, which is built for the application's machine",
      from: { path: '^src' },
      to: { path: '@confluentinc' },
    },
    {
      name: 'opentelemetry-is-for-its-entry',
      severity: 'error',
      comment: 'It is optional, and nobody loads it who does not ask for it',
      from: { path: '^src', pathNot: '^src/opentelemetry/' },
      to: { path: 'node_modules/@opentelemetry|^src/opentelemetry/' },
    },
    {
      name: 'opentelemetry-is-the-api-alone',
      severity: 'error',
      from: { path: '^src/opentelemetry/' },
      to: { path: 'node_modules/', pathNot: 'node_modules/@opentelemetry/api/' },
    },
    {
      name: 'native-engine-is-for-its-choice',
      severity: 'error',
      comment: 'It is optional, and only asked for at the start',
      from: { path: '^src', pathNot: '^src/crypto/choose-engine\\.ts$' },
      to: { path: '^native/|node_modules/kafka-envelope-native' },
    },
    {
      name: 'avsc-is-for-its-entry',
      severity: 'error',
      comment: 'It is optional, and compiles code from strings, which hardened runtimes refuse',
      from: { path: '^src', pathNot: '^src/avro/' },
      to: { path: 'node_modules/avsc|^src/avro/' },
    },
    {
      name: 'core-is-free-of-yaml',
      severity: 'error',
      from: { path: '^src/(index|record/index|kms/local/index)\\.ts$' },
      to: { path: 'node_modules/yaml', reachable: true },
    },
    {
      name: 'ciphers-are-for-crypto-and-kms',
      severity: 'error',
      comment:
        'sealing-session.ts takes random session ids, file-dek-store.ts names files by hash and dictionaries.ts dictionaries; overrides.ts compares values by hash; audit/ hashes lines; distinct.ts counts by hash',
      from: {
        path: '^src',
        pathNot:
          '^src/(crypto/|kms/|audit/|keys/sealing/sealing-session\\.ts$|dek-store/file-dek-store\\.ts$|record/(dictionaries|overrides)\\.ts$|operate/scan/distinct\\.ts$)',
      },
      to: { path: '^(node:)?crypto$' },
    },
    {
      name: 'tencent-sdk-is-loaded-when-needed',
      severity: 'error',
      comment: 'It is optional, and slow to load',
      from: { path: '^src' },
      to: { path: 'node_modules/tencentcloud-sdk', dynamic: false },
    },
    {
      name: 'tencent-sdk-is-loaded-in-one-place',
      severity: 'error',
      from: { path: '^src', pathNot: '^src/kms/tencent/sdk\\.ts$' },
      to: { path: 'node_modules/tencentcloud-sdk' },
    },
    {
      name: 'aws-sdk-is-loaded-when-needed',
      severity: 'error',
      comment: 'It is optional, and slow to load',
      from: { path: '^src' },
      to: { path: 'node_modules/@aws-sdk', dynamic: false },
    },
    {
      name: 'aws-sdk-is-loaded-in-one-place',
      severity: 'error',
      from: { path: '^src', pathNot: '^src/kms/aws/sdk\\.ts$' },
      to: { path: 'node_modules/@aws-sdk' },
    },
    {
      name: 'pkcs11js-is-loaded-in-one-place',
      severity: 'error',
      comment: 'It is optional, and native',
      from: { path: '^src', pathNot: '^src/kms/pkcs11/sdk\\.cjs$' },
      to: { path: '(^|node_modules/)pkcs11js' },
    },
    {
      name: 'providers-do-not-know-each-other',
      severity: 'error',
      comment: 'The one in memory, for tests, is the local one without its file',
      from: { path: '^src/kms/([^/]+)/', pathNot: '^src/kms/memory/' },
      to: { path: '^src/kms/[^/]+/', pathNot: '^src/kms/$1/' },
    },
    {
      name: 'packages-share-no-code',
      severity: 'error',
      comment: 'They meet by their names alone, as after an install',
      from: { path: '^(src|packages/[^/]+)/' },
      to: { path: '^(src|packages/[^/]+)/', pathNot: '^$1/' },
    },
    {
      name: 'packages-import-what-they-declare',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown', 'unknown'] },
    },
    {
      name: 'no-dev-dependencies',
      severity: 'error',
      from: { path: '^src' },
      to: {
        dependencyTypes: ['npm-dev'],
        pathNot:
          'node_modules/(avsc|kafkajs|@platformatic/kafka|tencentcloud-sdk|@aws-sdk/client-kms|@nestjs/(common|microservices)|@opentelemetry/api)|^pkcs11js$|node_modules/pkcs11js',
      },
    },
    {
      name: 'no-undeclared-packages',
      severity: 'error',
      comment: 'Optional peers count as npm-no-pkg; the rules above hold them',
      from: { path: '^src' },
      to: {
        dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'unknown'],
        pathNot:
          'node_modules/(avsc|kafkajs|@platformatic/kafka|tencentcloud-sdk|@aws-sdk/client-kms|@nestjs/(common|microservices)|@opentelemetry/api)|^pkcs11js$|node_modules/pkcs11js',
      },
    },
  ],
  allowed: [
    // These few are for all; packages and Node's modules are held by the rules above.
    {
      from: {},
      to: {
        path: [
          '^src/(errors|events|clock|cancellation|backoff|units|whole-file)\\.ts$',
          '^src/envelope/(bounds|bytes|context)\\.ts$',
          'node_modules',
          '^pkcs11js$',
          '^(node:)?[a-z/_]+$',
        ],
      },
    },
    may('errors', ['error-codes']),
    may('events', ['errors']),
    may('envelope/', ['envelope/']),
    may('crypto/', ['crypto/']),
    { from: { path: '^src/crypto/choose-engine\\.ts$' }, to: { path: '^native/index' } },
    may('kms/', ['kms/', 'crypto/']),
    {
      from: { path: '^src/(kms|keys)/' },
      to: { path: '^src/envelope/format\\.ts$', dependencyTypes: ['type-only'] },
    },
    may('policy/', ['policy/']),
    may('config/', ['config/', 'policy/', 'envelope/formats\\.ts$']),
    {
      from: { path: '^src/config/' },
      to: { path: '^src/(kms/kms|dek-store/dek-store)\\.ts$', dependencyTypes: ['type-only'] },
    },
    may('dek-store/', ['dek-store/']),
    {
      from: { path: '^src/dek-store/' },
      to: { path: '^src/crypto/dek\\.ts$', dependencyTypes: ['type-only'] },
    },
    may('keys/', ['keys/', 'dek-store/', 'kms/', 'crypto/', 'policy/', 'config/']),
    may('record/', ['record/', 'keys/', 'envelope/', 'crypto/', 'policy/', 'config/', 'version\\.ts$']),
    {
      from: { path: '^src/record/' },
      to: { path: '^src/kms/cmk(-set)?\\.ts$', dependencyTypes: ['type-only'] },
    },
    may('clients/', ['clients/', 'record/', 'policy/', 'config/']),
    {
      from: { path: '^src/(record|clients|nestjs|audit)/' },
      to: { path: '^src/encryption\\.ts$', dependencyTypes: ['type-only'] },
    },
    may('nestjs/', ['nestjs/', 'clients/kafkajs/index\\.ts$', 'record/(internals|topic-rules)\\.ts$']),
    may('encryption\\.ts$', ['.*']),
    may('secrets/', ['secrets/', 'kms/']),
    may('health\\.ts$', ['keys/', 'record/']),
    may('resolve-rules\\.ts$', ['config/', 'kms/', 'policy/', 'record/']),
    may('index\\.ts$', ['.*']),
    {
      from: { path: '^src/opentelemetry/' },
      to: { path: '^src/index\\.ts$', dependencyTypes: ['type-only'] },
    },
    may('opentelemetry/', ['opentelemetry/', 'version\\.ts$']),
    may('config-file/', ['config-file/', ...ENTRIES, 'config/']),
    may('audit/', ['audit/', 'record/internals\\.ts$', 'version\\.ts$']),
    // A file loads the providers that it names, and no others.
    {
      from: { path: '^src/config-file/providers\\.ts$' },
      to: { path: '^src/kms/[^/]+/in-file\\.ts$', dynamic: true },
    },
    {
      from: { path: '^src/config-file/' },
      to: { path: '^src/kms/(kms|file-form|[^/]+/in-file)\\.ts$', dependencyTypes: ['type-only'] },
    },
    may('avro/', ['avro/']),
    may('operate/', ['operate/', ...ENTRIES, 'record/', 'envelope/', 'policy/']),
    // Rewrapping changes what envelopes hold and asks KMSs to; it sees no DEK.
    may('operate/rewrap/', ['kms/cmk(-set)?\\.ts$']),
    {
      from: { path: '^src/operate/rewrap/' },
      to: { path: '^src/kms/kms\\.ts$', dependencyTypes: ['type-only'] },
    },
    // The doctor looks at the parts of an encryption before one is made of them.
    may('operate/doctor/', [
      'config/',
      'config-file/index\\.ts$',
      'kms/(cmk|kms|owners|sides|tracers)\\.ts$',
      'crypto/choose-engine\\.ts$',
    ]),
    {
      from: { path: '^src/operate/doctor/' },
      to: { path: '^src/dek-store/dek-store\\.ts$', dependencyTypes: ['type-only'] },
    },
    {
      from: { path: '^src/operate/doctor/canary\\.ts$' },
      to: { path: '^src/clients/kafkajs/index\\.ts$' },
    },
    may('cli/', [
      'cli/',
      ...ENTRIES,
      'audit/index\\.ts$',
      'operate/',
      'policy/',
      'config/',
      'config-file/',
      'kms/local/',
    ]),
    may('cli/estimate/', ['envelope/formats\\.ts$', 'kms/aws/cmk-arn\\.ts$']),
    may('cli/dictionary/', ['record/index\\.ts$', 'envelope/formats\\.ts$']),
    { from: { path: '^packages/([^/]+)/src/' }, to: { path: '^packages/$1/src/' } },
  ],
  allowedSeverity: 'error',
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'default'] },
  },
}
