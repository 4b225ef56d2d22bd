// An ES module: `import`, top-level `await`, and an async handler. The name `.mjs` is enough;
// no package.json is needed.
import { readFile } from 'node:fs/promises'

// Runs once per execution environment, before the first event.
const greetings = JSON.parse(await readFile(new URL('greetings.json', import.meta.url), 'utf8'))

class UnknownLanguage extends Error {
  name = 'UnknownLanguage' // becomes the errorType
}

export const handler = async (event, context) => {
  const { name = 'world', language = 'en' } = event
  const greeting = greetings[language]
  if (greeting === undefined) {
    throw new UnknownLanguage(`no greeting in ${language}; there is ${Object.keys(greetings).join(', ')}`)
  }
  console.info('greeting %s in %s', name, language)
  return {
    message: greeting.replace('NAME', name),
    requestId: context.awsRequestId,
  }
}
