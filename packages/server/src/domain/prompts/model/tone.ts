/** One word of letters and digits, an apostrophe or hyphen inside it; a character of a script that puts no spaces between words is one of its own. */
const word = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu
const sentenceEnd = /[.!?。！？]+(?=\s|$)|\n+/u

const listed = (text: string): ReadonlySet<string> => new Set(text.split(' '))

/** Verbs that instructions to a model begin with. English. */
const imperatives = listed(
  "act add aim analyze analyse answer apply ask assume avoid be begin break brainstorm build calculate check choose cite classify code combine compare compose compute consider convert correct create define deliver describe design detect determine develop do don’t don't draft draw edit elaborate ensure estimate evaluate examine exclude explain explore extract fill find fix focus follow format generate give go guess help highlight identify ignore imagine implement improve include infer keep label let limit list look maintain make mention modify name never note offer organize outline output paraphrase perform pick plan predict prefer prepare present print prioritize produce propose provide quote rank rate read recommend refer refuse remember remove repeat replace reply report respond restate return review revise rewrite score select send separate set show simulate solve speak specify start state stay stick structure submit suggest summarize summarise support take tell test think translate treat try turn update use validate verify wait write",
)
const polite = listed('please kindly thanks thank grateful appreciate')
/** Hedges: the commonest of Hyland (2005), Metadiscourse, appendix "hedges". */
const hedges = listed(
  'about almost apparently appear appears approximately around could doubt doubtful essentially estimate fairly feel frequently generally guess indicate largely likely mainly may maybe might mostly often perhaps plausible possible possibly presumably probable probably quite rather relatively roughly seem seems should somewhat sometimes suggest suppose suspect tend tends typical typically unclear unlikely usually would',
)
/** Boosters: words that leave no choice. Capitals and exclamation marks count as well. */
const insistent = listed(
  'absolutely always certainly clearly completely critical crucial definitely entirely essential exactly extremely forbidden important mandatory must never only required strictly totally vital',
)

/** What can be counted of how a text speaks. Rates are per 100 words; the word lists are English, so elsewhere they are near 0. */
export type Tone = Readonly<{
  words: number
  sentences: number
  /** Words in a sentence, on average. A line is a sentence too. */
  sentenceLength: number
  /** The share of sentences that begin with a verb of instruction, 0 to 1. */
  imperatives: number
  politeness: number
  hedging: number
  insistence: number
}>

/** Linear in the length of the text. */
export function toneOf(text: string): Tone {
  const sentences = text
    .split(sentenceEnd)
    .map((sentence) => sentence.match(word) ?? [])
    .filter((words) => words.length > 0)
  const words = sentences.flat()
  const lower = words.map((one) => one.toLowerCase())
  const rate = (count: number) => (words.length === 0 ? 0 : (100 * count) / words.length)
  const among = (list: ReadonlySet<string>) => lower.reduce((count, one) => count + (list.has(one) ? 1 : 0), 0)
  const shouted = words.filter((one) => one.length >= 4 && /^\p{Lu}+$/u.test(one) && !insistent.has(one.toLowerCase())).length
  const commanding = sentences.filter((sentence) => imperatives.has(sentence[0]!.toLowerCase())).length
  return {
    words: words.length,
    sentences: sentences.length,
    sentenceLength: sentences.length === 0 ? 0 : words.length / sentences.length,
    imperatives: sentences.length === 0 ? 0 : commanding / sentences.length,
    politeness: rate(among(polite)),
    hedging: rate(among(hedges)),
    insistence: rate(among(insistent) + shouted + (text.match(/!/g)?.length ?? 0)),
  }
}
