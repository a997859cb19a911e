import type { Observation, Rule } from '../rule.ts'
import { isInstruction, proseOf, type Subject, spanOf } from '../subject.ts'

/** Any of these says something of the form of an answer, or names what is to be made. */
const says = new RegExp(
  `\\b(?:${[
    'outputs?|format(?:s|ted|ting)?|json|ya?ml|xml|html5?|css3?|csv|markdown|latex|sql|regex|code|diagrams?|charts?|tables?|columns?|rows?|slides?',
    'bullet(?:s|ed)?|numbered|lists?|headings?|headers?|sections?|paragraphs?|sentences?|words?|characters?|lines?|steps?|templates?|schema|structured?|outlines?',
    'return|respond|reply|replies|print|only|say|answer with|yes or no|true or false|examples?:|options?|choose|choices?|label|classify|scale|grade|between \\d+ and \\d+',
    'scripts?|essays?|reports?|letters?|e-?mails?|poems?|stor(?:y|ies)|articles?|summar(?:y|ies|ize)|translat(?:e|ion|ions)|titles?|names?|plan|song|lyrics|recipe|tweet|post',
    'apps?|applications?|games?|websites?|web pages?|programs?|functions?|components?|api',
    'images?|photo(?:s|graph|graphs|graphy)?|pictures?|portraits?|render(?:ed|ing)?|cinematic|illustrations?|camera|logos?|icons?|posters?|videos?|scenes?|3d|wallpapers?',
    'brief(?:ly)?|concise(?:ly)?|short|style of|tone',
  ].join('|')})\\b`,
  'i',
)
const latin = /\p{Script=Latin}/gu

/** The fewest words at which an instruction is expected to say what comes out. */
const minWords = 25

/** A prompt that does not say what form its answer has. Its word list is English, so other languages are left alone. */
export const missingOutputFormat: Rule = {
  id: 'format/missing-output-format',
  kind: 'missing_output_format',
  severity: 'info',
  check(subject) {
    if (subject.hasIncludes || subject.config.responseFormat !== undefined || subject.config.response_format !== undefined) return []
    const texts = subject.passages.filter(isInstruction).map(({ text }) => text)
    const prose = texts.map(proseOf).join('\n')
    const words = prose.match(/[\p{L}\p{N}]+/gu)?.length ?? 0
    if (words < minWords || (prose.match(latin)?.length ?? 0) < prose.replace(/\s/g, '').length / 2) return []
    if (texts.some((text) => says.test(text) || /^\s*[{[]/.test(text))) return []
    return [
      {
        confidence: 0.6,
        reason: 'Nothing says what form the answer has. Say it: a list, JSON with these fields, a paragraph of so many words.',
        evidence: { words },
      },
    ]
  },
}

const fence = /^[ \t]*(```+|~~~+)/gm

/** A code fence that is opened and not closed: what follows reads as code. */
export const unclosedFence: Rule = {
  id: 'format/unclosed-fence',
  kind: 'unclosed_fence',
  severity: 'warning',
  check: ({ passages }: Subject) =>
    passages.flatMap((passage): Observation[] => {
      let open: RegExpExecArray | undefined
      for (const found of passage.text.matchAll(fence)) {
        if (!open) open = found
        else if (found[1]!.startsWith(open[1]!)) open = undefined
      }
      if (!open) return []
      const start = open.index + open[0].length - open[1]!.length
      return [
        {
          confidence: 0.85,
          reason: `The code fence ${open[1]} is not closed, so all that follows reads as code. Close it.`,
          evidence: { text: open[1] },
          span: spanOf(passage, start, start + open[1]!.length),
        },
      ]
    }),
}
