"""What people say in a support chat besides asking, as ordered data: a new way to say it is a new line.

Each pattern is matched against `folded` text: lower case, straight quotes, single blanks, no closing punctuation.
All are linear: no repetition within a repetition.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA

from helpbot import later

__all__ = [
    "fold", "has_other_words",
    "is_addition",
    "is_cancel",
    "is_go_ahead",
    "is_greeting",
    "is_news",
    "is_no",
    "is_none",
    "is_person",
    "is_recall",
    "is_solved",
    "is_thanks",
    "is_why",
    "is_will_try",
    "is_yes",
    "looks_like_question",
    "tells_state",
    "words",
]  # fmt: skip

_INVISIBLE: Final = later.pattern("[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u00ad]")
_QUOTES: Final = str.maketrans(
    {"’": "'", "‘": "'", "`": "'", "´": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\xa0": " "}
)


def fold(text: str) -> str:
    """Text as the patterns want it."""
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).translate(_QUOTES).lower()
    return re.sub(r"\s+", " ", text).strip(" \t\n.!,;:…-~").strip()


def words(text: str) -> int:
    """How many words it has."""
    return len(text.split())


def _any(*patterns: str) -> re.Pattern[str]:
    return later.pattern("|".join(f"(?:{pattern})" for pattern in patterns))


def _whole(*patterns: str) -> re.Pattern[str]:
    return later.pattern("^(?:" + "|".join(f"(?:{pattern})" for pattern in patterns) + ")$")


_FILLER = r"(?:(?:as (?:already )?(?:said|told)|as i said|like i said|i said|i told you|as i told you|as i wrote|again|wait|actually|really|honestly|ok|okay|oh|well|hm+|ah|so|hey|hi|hello|sorry|please|pls|no|yes|and|but|then|um+|uh)[ ,.!:-]+){0,3}"
_END = r"(?:[ ,.!-]+(?:please|pls|thanks|thank you|thx|now|then|ok|today|asap|mate|sorry|really|anyway|bye|:\)|;\)|:-\)|👍|🙏|😊|🙂|🎉)){0,3}"

# --- it is solved -----------------------------------------------------------------------------------------------
_IT = r"(?:it|that|this|everything|the (?:sync|quote|order|error|problem|issue|login|page|charge|import|user)|all|problem|issue|error|sync|we|i)"
_SOON = r"(?:(?:never ?mind|nvm|false alarm|good news|update|sorry|wait|oh)[ ,.!:-]+){0,2}"
_MEANWHILE = r"(?: (?:now|again|meanwhile|in the meantime|by (?:itself|now)|already|suddenly|at last|finally|somehow|this time|by a colleague|(?:on|at) our (?:end|side)))*"
_SOLVED = _whole(
    _FILLER
    + _SOON
    + r"(?:(?:it|that|this|the \w+)(?:'s| is| has)? )?(?:just |now |all |finally |suddenly )*(?:synced|syncs|synchroni[sz]e[sd]|runs|loads|opens|solved|fixed|resolved|sorted|working|works|worked|went through|came through|went away|disappeared|gone(?: away)?|has gone(?: away)?|been solved|been fixed|solved itself|resolved itself|fixed itself)"
    + _MEANWHILE
    + _END,
    _FILLER
    + _SOON
    + r"(?:(?:a|my|our) (?:colleague|boss|admin\w*|technician)|someone|somebody|we|i|they)(?: has| have|'ve)? (?:just |already |now )*(?:fixed|solved|resolved|found|sorted) (?:it|that|this|the (?:problem|issue|error|cause))"
    + _MEANWHILE
    + _END,
    _FILLER
    + r"(?:yes|yep|yeah|yup|ja|oui|si)?[ ,.!]*"
    + _IT
    + r"(?:'s| is| are| has| have|'ve)?(?: been| just| now| all)? ?"
    r"(?:worked|works|work|working|solved|fixed|resolved|gone|sorted|done|good|fine|ok|okay|cleared|went through|goes through|running)"
    r"(?: (?:now|again|fine|perfectly|for me|out|a treat|like a charm|great|well|indeed|as expected|already|itself|by itself|it|that|immediately)){0,3}"
    + _END,
    _FILLER
    + _SOON
    + r"(?:worked|works|solved|fixed|resolved|sorted|done)(?: (?:it|that|now|again|fine|perfectly|for me|like a charm|a treat|great)){0,3}"
    + _END,
    _FILLER
    + r"(?:yes[ ,.!]*)?(?:that|this|it) (?:did it|did the trick|helped|fixed it|solved it|was it|solved the (?:problem|issue)|fixed the (?:problem|issue|error|sync)|did help)(?: a lot| me)?"
    + _END,
    _FILLER
    + r"(?:i |we )?(?:just )?(?:found|got|did|fixed|solved|managed) (?:it|that|this)(?: myself| ourselves| out)?(?:[ ,]+(?:(?:it|all|that) )?(?:works?|worked|fixed|solved|working|all good|thanks|is fine)(?: now| again)?)?"
    + _END,
    _FILLER + r"(?:problem|issue|error|case) (?:is |has been )?(?:solved|fixed|gone|resolved|closed)" + _END,
    r"(?:the )?(?:error|problem|issue|message)(?:'s| is| has)? (?:gone|disappeared|not there any ?more|no longer there)(?: now)?"
    + _END,
    r"(?:you (?:can|may) close (?:it|this|the case|hb-?\d+)|please close (?:it|this|the case|my case|hb-?\d+)|close (?:it|this|the case|hb-?\d+))(?: (?:now|please|thanks))*",
    r"no (?:more|longer an?) (?:error|problem|issue)s?(?: (?:now|any ?more))?" + _END,
    r"(?:het werkt(?: nu)?(?: weer)?|opgelost|gelukt|es (?:geht|funktioniert|klappt)(?: jetzt)?(?: wieder)?|gel(?:ö|oe)st|(?:ca|ça) marche|c'est r(?:é|e)gl(?:é|e)|r(?:é|e)solu|ya funciona|funciona|solucionado|resuelto)"
    + _END,
)
_YES = _whole(
    _FILLER
    + r"(?:ye+s+|yep|yeah|yup|yea|ye|y|ja|jawohl|oui|si|sí|sure|correct|right|indeed|exactly|absolutely|affirmative|it did|it does|it has|it is)"
    r"(?:[ ,.!]+(?:it (?:did|does|has|works?|worked|is)|that (?:did|worked|works|helped)|please|thanks|thank you|thx|it did indeed|sir|perfect|great|of course|do (?:it|that)|go ahead)){0,3}"
    + _END,
    r"(?:perfect|great|awesome|excellent|brilliant|super|amazing|fantastic|wonderful|nice|cool|lovely|top|prima|toll|parfait|perfecto|genial|all good|all set|good|very good|good job|well done|magic)"
    r"(?:[ ,.!]+(?:perfect|great|thanks?(?: a lot| so much| you)?|thank you|thx|job|one|stuff|help|answer|that (?:worked|helped|did it)|it works?|bot|all good)){0,3}"
    + _END,
    r"[👍✅🎉💯🙌👌😊😀😃🙂❤️‍♥\ufe0f🏻🏼🏽🏾🏿 ]+",
    r"(?:that|this|it)(?:'s| was| is) (?:(?:very|really|exactly|just|precisely) )?what (?:i|we) (?:needed|wanted|meant|(?:was|were) (?:looking for|after)|wanted to know)"
    + _END,
    r"(?:that|this|it) (?:was|is) (?:(?:very|really|exactly|just) )?(?:helpful|perfect|great|it|what i needed|the (?:problem|cause|reason|solution))"
    + _END,
    r"(?:very |really |that's |thats |that is )?helpful" + _END,
    r"(?:makes sense|clear(?: now)?|got it|understood|i see|ah i see|that explains it|that answers (?:it|my question)|alright|good to know)(?: now)?"
    + _END,
)
_DO_IT = r"(?:go ahead|go for it|do (?:it|that|so)|please(?: do)?|hand it over|pass it on|by all means|then|a person|to a person)"
_GO_AHEAD = _whole(
    _FILLER + r"(?:ok|okay|k|fine|alright|all right)(?:[ ,.!]+" + _DO_IT + r"){0,3}",
    _FILLER
    + r"(?:yes|yep|yeah|sure|of course|certainly|absolutely|definitely|gladly|with pleasure|go ahead|go for it|do (?:it|that|so)|please(?: do)?|hand it over|let's do (?:it|that)|go on|carry on|continue|connect me|put me through|that would be (?:great|nice|good|fine|helpful|lovely)|sounds good|why not|(?:i would|i'd) (?:like|appreciate) (?:that|it))"
    + r"(?:[ ,.!]+(?:thanks|thank you|thx|"
    + _DO_IT
    + r")){0,3}",
)
_THANKS = _whole(
    _FILLER
    + r"(?:many |much |big )?(?:thanks|thank you|thank u|thankyou|thx|thnx|tnx|ty|tysm|cheers|merci|danke|dank je|dank u|bedankt|gracias|obrigado|appreciated|much appreciated|i appreciate it|great thanks|perfect thanks)"
    r"(?:[ ,.!]+(?:a lot|so much|very much|much|again|for (?:the|your|that|all|this)(?: (?:quick|fast|great))?(?: (?:help|answer|info|information|reply|tip|support|explanation|time))?|mate|man|bot|guys|everyone|all|indeed|you|wel|hoor|sch(?:ö|oe)n|beaucoup|that (?:worked|helped|did it|solved it)|it works?(?: now)?|that's all|that is all|bye|have a (?:nice|good|great) (?:day|weekend|one|evening)|perfect|great|awesome|problem solved|solved|all good|🙏|👍|😊|🙂|❤️)){0,4}",
    r"(?:ok|okay|alright|great|perfect|super|nice|cool|good|wonderful|excellent|awesome|brilliant|yes)[ ,.!]+(?:thanks|thank you|thx|cheers|ty|danke|merci|bedankt)(?:[ ,.!]+.{0,40})?",
    r"(?:that's|thats|that is|that was) all(?: (?:i needed|for now|i wanted to know))?" + _END,
    r"(?:bye|goodbye|see you|ciao|have a (?:nice|good|great) (?:day|weekend|one|evening))" + _END,
)

# --- it is not solved: what says so outweighs any kind word beside it, which is then meant the other way ---------
_NO = _any(
    r"^(?:no|nope|nah|nee|nein|non|negative|n)$", r"\bnope\b", r"\bso,? no\b", r"[,.:;!] no$", r"\b(?:that|this|it) (?:wasn't|isn't|was not|is not) (?:it|the one|mine|my case)\b", r"^not (?:listed|there|it|mine|that one|the case|true|so)\b", r"\bsame (?:mess|picture|result|toast|text|banner|game)\b", r"(?:^|[,.!] )(?:helaas|leider|malheureusement)\b", r"\bwast(?:ing|ed) my\b",
    r"^(?:no|nope|nah|nee|nein|non)[ ,.!-]+(?:it|that|this|the|still|not|same|sorry|i|we|unfortunately|luck|change|good|way|didn|doesn|did|does|nothing|never|again|help|thanks?(?: you)?$|really|effect|improvement|success|sir|👎)",
    r"\b(?:did|does|do|has|is|was|have|are|were|could|can|would)(?:n't|nt| not) (?:\w+ ){0,3}?(?:work|help|solve|fix|worked|helped|solved|fixed|working|resolve|resolved|change|changed|gone|do (?:it|anything|the trick)|make (?:any|a) difference|any better|the (?:answer|solution|problem|case|issue)|what i (?:asked|need|meant))",
    r"^(?:no|nope|nah|nein|nee|non)[.!]+ ",
    r"\b(?:where|what) (?:i|we) (?:was|were|started|began|had) (?:before|already)\b", r"\b(?:where|what) (?:i|we) (?:started|began)\b", r"\b(?:is|was|'s) not it\b", r"\bisn't it$", r"\bbut\b.*\bstill\b",
    r"\bnot (?:work|help|solv|fix|resolv)\w*", r"\bnot (?:really|quite|yet|at all|solved|helpful|any better)$", r"^not (?:really|quite|yet|at all|helpful)\b",
    r"\bstill (?:the same|same|there|not|no|get|gets|getting|see|seeing|have|having|broken|fail|fails|failing|error|errors|wrong|red|happening|happens|nothing|doesn|isn|won|can't|cant|cannot|shows?|showing|an? (?:error|issue|problem)|stuck|says?|blocked|forbidden|missing|refus|appear|comes?|an issue)",
    r"\b(?:exactly )?(?:the )?same (?:error|problem|issue|thing|message|result|story|again|as before)", r"\bsame (?:here )?again$", r"^(?:the |it's the |its the )?same$", r"^still$", r"^again$",
    r"\bno (?:luck|change|effect|difference|success|improvement|joy|dice|use|good|help)\b", r"\b(?:nothing|no ?thing) (?:changed|happened|happens|helps|helped|works|worked|new)\b",
    r"\b(?:thanks|thank you|thx|cheers) for nothing\b", r"\b(?:useless|worthless|rubbish|garbage|unhelpful|waste of (?:my |our )?time|wasting (?:my|our)|wasted (?:my|our)|nonsense|bullshit|crap)\b",
    r"\b(?:already|just) (?:tried|did|done|checked|looked|tested|have done)\b", r"(?<!that )(?<!this )(?<!it )\b(?:tried|did|done|checked|followed|went through) (?:that|this(?! time)|it|all|everything|both|the steps|all (?:of )?(?:that|the|those|these|steps))\b(?!.*\b(?:works|worked|solved|fixed)\b)",
    r"\bwithout (?:success|luck|effect|result)", r"\bto no avail\b", r"\bin vain\b", r"\bkeeps? (?:failing|coming|happening|showing|appearing|popping)", r"\b(?:comes|came|is|it's|its) back\b", r"\bback again\b",
    r"\b(?:error|problem|issue|message|it) (?:persists|remains|continues|is still|stays)\b", r"\bpersists\b",
    r"^(?:(?:very|how) )?funny$", r"^(?:lol|haha)\b", r"\b(?:but )?not for (?:the )?(?:others?|all|every|everything|some|another)\b", r"\bonly for (?:some|one)\b",
    r"\bunfortunately not\b", r"\bnot the (?:answer|solution|problem|case|same|cause)\b", r"\bwrong answer\b", r"\bmakes? (?:no|it worse|things worse)\b", r"\b(?:even )?worse\b",
    r"[👎❌😡🤬😤🙄😠]", r"\bnot\.?$", r"\byeah,? right\b", r"\b/s$", r"\bas (?:before|if)$", r"\bhow (?:helpful|useful|wonderful|brilliant)\b.*\bnot\b",
    r"\b(?:brilliant|great|wonderful|super|fantastic|wow|lovely|genius)\b.*\b(?:but|except|same|still|again|nothing|before|error|not|broken|another|useless|already|knew)\b",
    r"\b(?:werkt|helpt|hilft|geht|funktioniert|klappt) (?:nog )?(?:steeds )?(?:niet|nicht)\b", r"\b(?:marche|fonctionne) (?:toujours )?pas\b", r"\bno funciona\b", r"\bimmer noch\b", r"\bnog steeds\b", r"\btoujours\b.*\b(?:erreur|m[eê]me)\b",
    r"^(?:only )?(?:partly|partially|half|halfway|a bit|a little|somewhat|kind of|sort of|kinda|sorta)\b", r"\b(?:partly|partially|halfway)\b", r"\bone of (?:them|the two|the errors?) (?:is )?(?:still|remains)\b", r"\bbut (?:the|it|that|now|another|one)\b.*\b(?:still|fails?|error|not|stuck|other|another|remain)",
    r"\bi (?:can't|cannot|cant|couldn't) (?:find|see|do|get|open|reach|access) (?:that|this|it|the (?:page|menu|setting|option|button|mapping))\b", r"\b(?:there is|there's|i have|i see) no such (?:page|menu|setting|option|button|mapping)\b",
    r"\b(?:doesn't|does not|don't|do not) (?:apply|exist|match|fit)\b.*", r"\bmisses the point\b", r"\bnot what i (?:asked|meant|need)", r"\bdon'?t understand\b", r"\bmakes no sense\b",
)  # fmt: skip
_WILL_TRY = _any(
    r"^(?:ok(?:ay)?|alright|right|good|great|thanks|thank you|hm+|sure|fine)?[ ,.!]*(?:i|we|let me|let us|lemme|will|gonna|going to|i'll|ill|we'll|i'm going to)(?: will| am| can| have to| need to)?(?: just| quickly| first| now)? ?(?:try|check|test|look|ask|(?<!\bi )(?<!\bwe )see|do that|have a look|give it a (?:try|go|shot))\b",
    r"^(?:one|just a|give me a|a|wait a|hold on a|hang on a)? ?(?:moment|minute|sec|second|min)(?: please)?$",
    r"^(?:ok(?:ay)?|alright|fine|sure|good)?[ ,.!]*(?:i'?ll wait|i will wait|i'?m waiting|waiting)\b.{0,20}$",
    r"^(?:hold on|hang on|wait|brb|one sec|trying(?: it)?(?: now)?|checking(?: now)?|will do|on it|doing it now)\b.{0,30}$",
)

# --- a person is wanted ------------------------------------------------------------------------------------------
_WHO = (
    r"(?:a |an |any |one |some |one of |the |your |our |my |real |live |actual |human |physical |proper |senior |other |another |competent |flesh[ -]and[ -]blood |customer |tech(?:nical)? |sales |it |support |right )*"
    r"(?:person|people|human(?: being)?s?|humans|agents?|representatives?|rep|operator|advis(?:o|e)r|employee|staff(?: member)?|someone(?: else| real| senior| from support| in support| human| there)?|somebody(?: else| real| senior| from support| human)?|technicians?|engineers?|specialist|expert|manager|supervisor|boss|colleagues?|member of (?:the |your )?(?:team|staff)|support(?: (?:team|staff|agent|person|engineer|desk|people|rep|employee|colleague))?|help ?desk|service ?desk|consultant|customer (?:service|support|care)|bosses|managers|directors?|superior|mensch|medewerker|mitarbeiter|persoon|collega|iemand|jemanden?|personne|humain|conseiller|persona|humano|agente|alguien|quelqu'un)"
)
_PERSON = _any(
    r"\b(?:could|can|would|may|will) (?:a|an|some|one of your|any of your)? ?(?:colleagues?|humans?|persons?|agents?|technicians?|engineers?|specialists?|experts?|employees?|team ?mates?|people|guys|lads|someone|somebody|anyone|anybody)(?: of yours| from (?:your|the) [a-z]+| on your (?:side|team))? (?:please |kindly |maybe )?(?:help|assist|call|mail|email|contact|phone|ring|reach|get in touch|get back|take (?:this |it )?over|write to)(?: me| us| to me| to us)?(?: please| pls| now| today| out| back| asap| directly| by (?:mail|phone|email)| with (?:this|it|that))*$",
    r"\b(?:get|give|send|find|fetch|put|need|want) (?:me )?(?:through to |on to )?(?:an?|the|your|some) (?:l[123]|level[ -]?(?:1|2|3|two|three)|tier[ -]?(?:1|2|3|two|three)|(?:2nd|second|3rd|third)[ -]line|engineer|tech|dev|developer|sysadmin)(?: please| pls| now| today| asap| on (?:this|it)| in here)*$",
    r"\b(?:assign|send over|allocate|arrange) (?:us |me )?(?:an?|some|one|any|your|another) (?:of your )?(?:l[123] )?(?:engineers?|technicians?|specialists?|experts?|agents?|colleagues?|persons?|humans?|someone|somebody)\b",
    r"\b(?:talk|speak|chat|spoke|talking|speaking)(?: directly)? (?:to|with) " + _WHO + r"\b",
    r"\b(?:connect|transfer|put|forward|redirect|pass|hand|refer|escalate|switch|link|patch)(?: me| this| it| us| my (?:case|question|issue))*(?: through| over| on| up| straight| directly)*(?: to| with)? " + _WHO + r"\b",
    r"\b(?:want|need|get|give|require|demand|request|prefer|like|fetch|find|bring|have|send|call|let me have|looking for|waiting for|rather have|where is|where's|is there|are there)(?: me| us| to have| to see| to get| for| back)? (?:a |an |any |some |one )?(?:real |live |actual |human |physical |proper |senior |competent )*(?:person|human(?: being)?s?|agents?|representative|rep|operator|employee|staff member|technician|supervisor|manager|real one|member of (?:the |your )?(?:team|staff)|colleague)\b",
    r"\b(?:want|need|get|give|like|rather have|let|have)(?: me| us| to have)? (?:someone|somebody|anyone|anybody)(?: else| real| senior| competent| human| from (?:support|the team|your team)| in support| at support)?(?: to| who| that)? ?(?:help|look|call|contact|take|talk|speak|phone|check|handle|deal|knows|understands|real|senior|human|from|in support|at)",
    r"\b(?:can|could|may|might|would|will|shall) (?:i|we|you|someone|somebody|anyone)(?: please| kindly| maybe| just)* (?:have|get|speak|talk|chat)(?: to| with)? (?:a |an |some |one of your )?(?:real |live |actual |human )*(?:person|human|agent|someone|somebody|technician|colleague|representative|employee|people|support)\b",
    r"\b(?:someone|somebody|a person|a human|a colleague|one of (?:you|your (?:people|team|technicians|colleagues|engineers)))(?: (?:please|kindly|should|must|needs to|has to|can|could|from support|from your team|real|there))* (?:call|phone|ring|contact|reach out|get in touch|email|mail|write|look at (?:this|it|that)|take (?:this|it|a look|over)|help me|get back|answer me|respond|reply)",
    r"\b(?:call|phone|ring|contact) me(?: back)?\b", r"\b(?:pick up|give me) the phone\b", r"\b(?:phone|telephone) (?:number|call)\b.*\b(?:support|please|you)\b",
    r"^(?:" + _FILLER + r")?" + _WHO + r"(?:[ ,.!]+" + _WHO + r")?[ ,.!]*(?:please|pls|now|asap|today|at once|immediately|here|!|for (?:this|that|me))*[ ,.!]*(?:please|now|today|asap)?$",
    r"\b(?:no|not|enough|tired|sick|fed up|done)(?: (?:more|a|another|of|with|talking to|this|these|your|stupid|the))* (?:bots?|robots?|chat ?bots?|machines?|ai|computer)\b", r"\bhate (?:this |these |chat ?)?(?:bots?|robots?|machines?)\b", r"\b(?:stupid|dumb|useless|bloody|damn|idiotic) (?:chat ?)?(?:bot|robot|machine|computer|thing)\b",
    r"\b(?:escalate|escalation)(?: (?:this|it|now|please|my case|that|the (?:issue|case|matter)|to))*\b(?!.*\b(?:how|what|when|why)\b)", r"\b(?:(?:our|my|a|the|your|with|from|to) (?:lawyers?|attorney|solicitor)|lawyers?\b.{0,40}\b(?:contact|hear|inform|involve|call|letter)|legal (?:action|department|team|steps)|sue you|court|rechtsanwalt|anwalt|advokat|advocaat|avocat|abogado)\b",
    r"\b(?:open|create|raise|log|file|submit|make|start)(?: me| us)? (?:a |an |the )?(?:support )?(?:ticket|case|support request|complaint)\b(?!.*\b(?:autotask|connectwise|halo\w*|automatic\w*|when|from|for each|per)\b)", r"\bi(?:'ve| have) had (?:it|enough)\b", r"\b(?:i want to|i'd like to|let me|want to) (?:make a |file a |lodge a )?complain", r"\bspeak to the manager\b", r"\bhuman (?:help|support|being|contact|assistance|please)\b", r"\b(?:real|live|actual) (?:person|human|agent|support|help)\b",
    r"\b(?:discuss|share|go through|go over|sort|settle|report|raise|escalate)(?: this| it| that| my \w+)* (?:directly )?(?:to|with) (?:a |an |one of |some |your |the )*(?:real |live )?(?:human|person|someone|somebody|people|staff|support|team|technicians?|colleagues?|manager|specialist|employee|engineer)",
    r"\b(?:support )?(?:engineers?|persons?|humans?|agents?|colleagues?(?: of yours)?|someone|somebody|specialist|technician|employee|manager)(?: of yours| from \w+(?: \w+)?| who \w+)?(?: please| should| must| can| could| to)* (?:take over|taking over|takes over|contacts? (?:me|us)|calls? (?:me|us)|call back|step in|look at (?:my|our|this|it)|gets? in touch|in touch with me)",
    r"(?<!\bi )(?<!\bwe )\b(?:transfer|connect|forward|escalate) (?:me|us|this|my (?:case|question|issue|problem))\b", r"\bwho can i (?:talk|speak|chat|turn) (?:to|with)\b", r"\b(?:put|get|be) (?:me |us )?in touch with (?:a |the |your |some |customer |support |technical |me|us|someone|somebody)",
    r"\b(?:need|want|like)(?: this| it| that)? (?:to be )?escalated\b", r"\bsecond[ -](?:level|line)\b",
    r"\b(?:don't|dont|do not|no longer|not) (?:want|need|like|talk to|speak to|trust|wish)(?: \w+){0,3} (?:bots?|robots?|machines?)\b", r"\b(?:out of|skip|past|around|beyond|without) (?:this|the|your) (?:\w+ )?bot\b", r"\bbot (?:failed|doesn't|does not|can't|cannot|won't|never)\b", r"\b(?:not|don't|doesn't) understand (?:the |this |your )?bot\b",
    r"^(?:stop|enough)\b.{0,10}\b(?:person|human|agent|people)\b", r"[.!?] (?:a )?(?:real )?(?:person|human|agent)$", r"\bwhere (?:are|is) (?:the |your )?(?:people|humans?|staff|support(?: team| people| staff)?|team|agents?|human support)\b", r"\b(?:nobody|no ?one|no human|noone) (?:talks|speaks|answers|helps|responds|calls|cares|listens|replies)\b", r"\btell your (?:boss|manager|supervisor|team)\b",
    r"\bsomeone else(?: please)?$", r"\b(?:does|will|can|could|may|would) (?:a|any|some) (?:real |live )?(?:human|person|people)\b(?: \w+){0,2} (?:read|look|help|check|answer|see|call|reply|respond|take|handle)", r"\b(?:help|support|assistance|advice) from (?:a |an |one of |some |your |the )*(?:real |live )?(?:human|person|someone|specialist|expert|technician|people|engineer|colleague|team)",
    r"\b(?:bring|call|get|fetch|send|find)(?: in| me| us| over)* (?:a |an |some |one )?(?:real |live )?(?:person|human|agent|people|colleague|technician)\b", r"\bhave the (?:support|help|service) ?desk\b", r"\bi mean a (?:human|person)\b", r"\b(?:support|help) ?(?:desk|engineer|agent|person)?,? (?:please,? )?(?:a )?(?:person|human)\b", r"\bwith (?:a )?(?:man|woman|guy|lady|someone|human|person) (?:from|of|at|in) (?:the |your )?(?:support|team|company)\b", r"\bspeak to about this in person\b",
    r"\b(?:passez|puis-je|donnez|appelez|parler|veux|voudrais)\b.*\b(?:humain|human|quelqu'un|personne?|conseiller|support|t[eé]l[eé]phone)\b", r"\b(?:kan|mag) ik\b.*\b(?:persoon|person|mens|medewerker|iemand|collega)\b", r"\bkann (?:mich|mir|ich)\b.*\b(?:jemand|support|mensch|mitarbeiter)\w*\b", r"\b(?:quiero|necesito|p[aá]seme|hablar|puedo)\b.*\b(?:persona?|agente?|humano?|human|alguien)\b",
    r"\bsupport engineer available\b",
    r"\bwho is (?:your|the) (?:boss|manager|supervisor)\b", r"\b(?:be|get|to be) (?:contacted|called|phoned|rung|helped|served) by (?:a |an |your |the |one of |some)",
    r"\b(?:do|have) you (?:have |got |employ |even have )*(?:any |some |real |actual )*(?:people|humans|persons|staff)(?: (?:working|there|around|in|at)\b|$)", r"\bonly (?:bots?|robots?|machines?)\b",
    r"\b(?:get|give|bring|send|fetch|find|call)(?: me| us)? (?:someone|somebody|anyone|anybody)(?: (?:please|now|else|real|today|here))*$",
    r"\b(?:talk|speak|chat) (?:to|with) (?:a )?(?:real|live|human|someone|somebody|anyone|support)\b", r"\bpersonal (?:help|support|assistance|contact)\b", r"\bhand (?:me|this|it) over\b", r"\b(?:get|bring) (?:me )?(?:your|the|a) (?:boss|manager|supervisor|team ?lead)\b", r"\bis (?:there )?(?:anybody|anyone|somebody|someone) (?:there|around|available|human|real|alive)\b",
    r"\b(?:mit|met|avec|con) (?:einem |einer |een |un |une |una )?(?:menschen?|mitarbeiter(?:in)?|medewerker|mens|persoon|collega|iemand|jemandem|conseiller|humain|personne|persona|humano|agente|alguien|quelqu'un|support)\b", r"\b(?:ik wil|ich will|ich m(?:ö|oe)chte|je veux|je voudrais|quiero|necesito)\b.{0,40}\b(?:mens|menschen?|mitarbeiter|medewerker|persoon|iemand|jemanden?|conseiller|humain|personne|persona|humano|agente|alguien|quelqu'un)\b",
)  # fmt: skip
# Asking how support is reached is a question with an answer; wanting it now is not.
_ABOUT_SUPPORT = _any(
    r"^how (?:does|do|is|are|did|should) (?!i get out|i reach a|i get a|i talk|i speak)",
    r"^(?:how|where|what|which|when) (?!can i (?:talk|speak|chat)|are the|is the support|do i get out).*\b(?:support|reach|contact|e-?mail|phone)\b",
    r"\bwhat (?:does|do) (?:the )?support (?:need|want)",
    r"\bsupport (?:need|require|ask|remove|delete|clear)s?\b",
    r"\bcontact support to\b",
    r"\b(?:tell|told|write|send|give) (?:the )?support\b",
)

_CANCEL = _whole(
    _FILLER
    + r"(?:never ?mind|nevermind|nvm|cancel|cancel (?:it|that|this|please|the (?:case|request|form|escalation|handover))|forget (?:it|that|this|about it)|stop|stop (?:it|that|this|please)|abort|quit|exit|leave it|drop it|scrap that|skip it|no longer (?:needed|necessary|relevant|required)|not needed(?: any ?more)?|i changed my mind|changed my mind|don't bother|dont bother|no need(?: any ?more)?|it's fine|its fine|not now|(?:please )?(?:don't|do not|dont) (?:open|create|make|raise|send|file|start) (?:a|an|any|the|that|this)?(?: case| ticket| request| form)?|let it be|let's leave it|(?:it is |it's |that's |that is )?(?:not|no longer) (?:necessary|needed|required|relevant|important|urgent)(?: any ?more| any longer)?|(?:it )?does(?:n't| not) matter(?: any ?more)?|no matter|drop (?:the|this) (?:case|request|matter|form)|don't need (?:it|that|this|help)(?: any ?more)?|i don't need (?:it|that|this|help|a person)(?: any ?more)?|laat maar|egal|vergiss es|abbrechen|annuler|laisse tomber|oubliez|olv(?:í|i)dalo|cancelar)"
    + _END
    + r"(?:[ ,.-]+(?:i'?ll|we'?ll|i|we|it'?s|its|not|thanks|don'?t|will|found|sorry|no longer).{0,60})?",
)
_NONE = _whole(
    _FILLER + r"(?:there|it|we|i|the \w+)(?:'s| is| was| are)?(?:n't| not) (?:any|an|a|one|actually|really|showing|show|giving|give|displaying|display)(?: (?:any|an|a|single|specific|actual|real|visible|particular))* ?(?:error|errors|message|messages|error message|error messages|error text|text|code|product|products|thing|anything)?(?: (?:shown|displayed|visible|at all|there|given|anywhere|on (?:the )?screen))*(?:(?:[,.;:-]+| but| because| and| so) ?.{0,80})?",
    _FILLER + r"nothing(?: at all| whatsoever| really| else)?(?: (?:shows?|comes|pops|appears?|is|was|gets|happens|to (?:see|copy|paste|show|report))(?: up| shown| displayed| visible| there| on (?:the )?screen)*)?(?:(?:[,.;:-]+| but| because| and| so) ?.{0,80})?",
    _FILLER + r"(?:it|the (?:message|error|text|notification|pop-?up|toast))?(?:'s| is| was| has)?(?: just| already| always)? ?(?:disappear|disappears|disappeared|vanish|vanishes|vanished|gone|goes away|went away|closes|closed|flashes|flashed)(?: (?:too|so|very|away|again|off|quickly|fast|before|by)\b.{0,60})?",
    _FILLER + r"(?:i|we)(?:'ve| have)? (?:already |just )?(?:closed|dismissed|clicked|lost|deleted|cleared|forgot|forgotten)(?: (?:it|that|the (?:message|error|window|pop-?up|notification|text)|what it said|on it))?(?: away| already| again)*(?:(?:[,.;:-]+| but| because| and| so| what) ?.{0,80})?",
    _FILLER + r"(?:how (?:should|would|could|can) i (?:know|tell|remember)(?: that| this| it)?|who knows|no clue|beats me|search me)\??",
    r"[-–—_/?]+",
    r"(?:the )?(?:error ?)?(?:message|text|msg|error) (?:i|we) (?:can(?:'?t|not| not)|could(?:n'?t| not)) (?:copy|select|paste|read|get|catch)\b.{0,120}",
    r"(?:nope|nah|no)[ ,.!-]+(?:none|nothing|no (?:error|message))(?: (?:either|at all|here))?",
    r"(?:it's |its |it is |this is )?(?:just |only |rather )?(?:a )?(?:general|generic)(?: (?:issue|problem|question|thing|one|nature))?", r"(?:it's |it is |it was )?not (?:displayed|shown|visible|given|available|known|applicable)(?: (?:anywhere|at all|there))?",
    r"(?:es (?:wird|gibt|ist|kommt)|er (?:is|wordt)|il n'y a|no (?:hay|sale|aparece))\b.{0,30}\b(?:kein\w*|nichts|geen|niets|pas|aucune?|rien|ning\w+|mensaje|error)\b.{0,40}", r"(?:kein\w*|geen|aucune?|ning\w+) (?:fehler\w*|fout\w*|melding|meldung|message|erreur|mensaje|error|produkt|product|produit|producto)(?: .{0,40})?",
    _FILLER + r"(?:there (?:is|was)|there's|i (?:see|get|have)|we (?:see|get|have)|it shows|shows) no (?:error|message|error message|text|code)(?: (?:i|it|he|she|we|they|just|at all|as|the)\b.{0,80})",
    _FILLER + r"(?:none|nothing|nil|n/a|unknown)(?:[,.;:]+ ?| - ).{0,80}",
    _FILLER + r"(?:none|no|nope|nothing|nil|null|unknown|n/?a|n\.a|not applicable|-|--|—|no ?one|nada|keine?r?|geen|aucune?|ninguno)(?: (?:really|at all|that i (?:know|see)|shown|visible|here|specific(?:ally)?|in particular))*",
    _FILLER + r"(?:there (?:really |just |simply |actually )?(?:is|are|was|were)|there's|theres|it (?:just |only |simply )?shows?|i (?:see|get|have|got)|we (?:see|get|have)|shows|it's|its|it has|it gives?|it displays?)(?: just| simply| actually| really)? (?:none|nothing|no(?: (?:such|specific|particular|real|visible|exact|special|single|one|proper|actual|clear))*(?: (?:error|errors|message|messages|error message|error messages|error text|text|code|product|products|name|product name|notification|warning))?)(?: (?:shown|displayed|visible|at all|there|given|to see|anywhere|whatsoever|on (?:the )?screen|just .{0,60}|it just .{0,60}|only .{0,60}|specifically|involved|in particular))*(?:(?:[,.;:-]+| but| because| and| so) ?.{0,80})?",
    _FILLER + r"no (?:\w+ )?(?:error|errors|message|messages|error message|error messages|error text|product|products|product name|text|code|name|specific product|particular product)(?: (?:is|was|are|were|gets|appears?|shows?|shown|displayed|visible|at all|there|given|to (?:see|show)|anywhere|it|just|up|on|the|screen|involved|in|particular))*(?:(?:[,.;:-]+| but| because| and| so) ?.{0,80})?",
    _FILLER + r"(?:i |we |i really |sorry i |honestly i )?(?:do(?:n't|nt| not)|did(?:n't|nt| not)|can(?:'t|not|t)|could(?:n't|nt| not)|am not able to|'m not able to|unable to|no idea|not sure|unsure|no clue|idk|dunno)(?: really| actually| honestly| even| exactly)?(?: (?:know|remember|recall|have|see|copy|tell|say|get|get it back|find|read|note|write|sure|which|what|it|that|one|any|the|an?|error|message|text|product|name|down|exactly|anymore|any more|more|this|is|to|was|them|off|back|from|here|screen|out|type|paste|select|there|isn't|mark|on|either|by heart|it's|in|an|image|picture|too|long|fast|gone|vanished|disappeared|before|could)){0,14}(?:(?:[,.;:-]+| but| because| and| so) ?.{0,80})?",
    r"(?:see|look at|here is|here's|heres|i (?:attached|attach|sent|send|have|made|took)|attached(?: is)?|i'll send|as in|it's (?:in|on)|its (?:in|on))(?: you)?(?: a| an| the| my| this)? ?(?:attached )?(?:screenshots?|screen ?shot|pictures?|images?|photos?|attachments?|screen)(?:(?:[,.;:-]+| but| because| and| so| of) ?.{0,60})?",
    r"(?:it's |its |just |only )?(?:a )?(?:blank|empty|white|grey|gray) (?:page|screen|window|box|popup)(?:(?:[,.;:-]+| but| because| and| so) ?.{0,60})?",
    r"not (?:about|for|related to)(?: a| any| one| the)?(?: (?:specific|particular|single|special))? products?(?:(?:[,.;:-]+| but| because| and| so) ?.{0,60})?", r"(?:weet ik niet|keine ahnung|wei(?:ß|ss) (?:ich )?nicht|je ne sais pas|no (?:lo )?s(?:é|e))",
)  # fmt: skip
_WHY = _any(
    r"\bwhy do(?:es)? (?:you|it|one) (?:need|want|ask)\b", r"^(?:sorry,? )?what (?:is it|exactly is it|exactly) (?:that )?(?:do )?you (?:want|need)\b",
    r"^(?:but |and |ok |sorry )?(?:why|what for|wherefore|how come)\b.{0,60}\b(?:need|want|ask|asking|require|required|necessary|know|matter|important|that|this|relevant)\b", r"^(?:but )?(?:why|what for|how come)\??$",
    r"\bwhat (?:do|will|would|are) you (?:need|want|do|doing|going to do) (?:that|it|this|these|with (?:it|that|this))?\b.{0,20}(?:for)?", r"\bis (?:that|this|it) (?:really |even )?(?:necessary|needed|required|important|mandatory|optional)\b", r"\b(?:must|do|should) i (?:have to|really|need to)?(?: give| tell| fill| provide| answer| enter)",
    r"^(?:what|which)(?: do you mean| is meant| exactly| counts)?.{0,20}\b(?:product|error|message|product name)\b.{0,40}\b(?:mean|meant|want|need|exactly|put|enter|write|give)\b", r"\bwhat (?:do|did) you mean\b", r"\bwhat is (?:meant|understood) by (?:the |an? )?(?:affected |full |exact )*(?:product|error)", r"\bwhere (?:do|can|would) i (?:find|see|get|copy) (?:that|it|the (?:product|error|message|exact|full|product name|error message))\b", r"\bwhat (?:counts as|is) (?:a|the) (?:product|product name|error message|error)\b", r"\bwho (?:sees|reads|gets|will see) (?:this|that|it)\b", r"\bwhat happens (?:then|next|with (?:it|this|that))\b",
)  # fmt: skip
_NEWS = _any(
    r"^(?:and |so |ok |ok so )?what happens (?:now|next|then)\b",
    r"\b(?:any|some|is there|are there|got|what's|whats) (?:news|updates?|progress|developments?|word|feedback|response|answer|reply)\b",
    r"^(?:news|updates?|status|progress|still nothing|nothing yet|anything(?: new| yet)?|and|so)(?: please| yet)?\s?[?!]*$",
    r"^(?:what about|how about|status of|update on|any(?:thing)? (?:on|about|for)) (?:case )?hb-?\d+",
    r"\bwhen (?:will|do|can|does|is|should) (?:i|we|someone|somebody|anyone|you|they|support)\b.{0,40}\b(?:answer|reply|hear|response|back|contact|call|help|look)\w*",
    r"\bstatus of (?:my|the|our|this) (?:case|request|problem|issue|question)",
    r"\b(?:what|how) (?:about|is|'s|happened (?:to|with)|is happening with|became of) (?:my|the|our) (?:case|request)\b",
    r"\b(?:did|has|have|is|will|does|when will|when does)(?: \w+)? ?(?:anyone|someone|somebody|anybody|you|they|support|the team)(?: \w+)? (?:look|looked|looking|answer|answered|seen|respond|responded|check|checked|reply|replied|read|working|taken|contact|help|get back|call|be in touch)",
    r"\bstill waiting\b",
    r"\bhow long (?:do|does|will|must|should|until)(?: it| i| we| this)?(?: still| have to| take)* ?(?:take|wait|need|until|before)?\b.{0,30}$",
    r"\bhow is (?:it|my case|that) going\b",
    r"\bwhere (?:are we|do we stand)\b",
    r"\b(?:hello|anyone|anybody) (?:there|here|around)\b",
    r"^(?:hello|hi)\?+$",
    r"\bwhat's the status\b|\bwhat is the status\b|\bwhats the status\b|\bcase (?:status|number)\b|\bwhat (?:is|was|'s) my case\b",
)
_RECALL = _any(
    r"\bwhat(?:'s| is| was| did| have|'ve)\b.{0,20}\b(?:i|we|my|the|in)\b.{0,30}\b(?:give|gave|given|tell|told|say|said|enter|entered|type|typed|write|wrote|put|case|product|error(?: message)?)\b.{0,20}\b(?:product|error|message|case|name|hb-?\d+|there|in it|you)\b",
    r"^(?:what|which) (?:product|error|message|error message|name)(?: name| message)? (?:did|have|had) (?:i|we) (?:given?|entere?d?|told|tell|typed?|write|written|put|say|said)",
    r"\b(?:show|repeat|read|tell)(?: me)?(?: back| again)? (?:my|the|our) (?:case|request|details)\b",
    r"\bwhat (?:does|is in|stands in) (?:my|the|our) case\b",
)
_ADDITION = later.pattern(
    r"^(?:and |also |but |so |ok |btw,? |by the way,? |sorry,? )*(?:(?:it|this|that|they|he|she)\b(?!'?s? (?:a |an )?(?:new|another|different|other))|(?:the )?same\b|fyi\b|for (?:your|the) info\w*|more info\w*|additional\w*|some more\b|i (?:forgot|should|also|just|can|still)\b|i'd like to add|to add\b|one more (?:thing|detail|point)[:,]? (?:it|this|the same|they|only|we)\b|maybe\b|perhaps\b|note\b|(?:we|i)(?:'re| are|'m| am) (?:on|using|running|with)\b|we use\b|still\b|in addition|besides,? it|hope this helps|happens\b|only\b)"
)
_GREETING = _whole(
    r"(?:hi|hello|hey|hiya|hallo|good (?:morning|afternoon|evening|day)|morning|moin|bonjour|salut|hola|hoi|goedemorgen|goedemiddag|guten (?:tag|morgen)|howdy|yo|greetings|dear support|dear (?:team|all))(?:[ ,.!]+(?:there|all|team|everyone|bot|support|guys|again|help ?bot|folks|sir|madam|you))*(?:[ ,.!]+how are you(?: doing)?(?: today)?)?",
    r"(?:i (?:need|have|want|got) )?(?:some |a )?(?:help|question|problem|issue)(?: please)?",
    r"(?:can|could) you help(?: me)?(?: please)?",
    r"help me(?: please)?",
    r"i (?:need|want|have) (?:some )?help(?: please)?",
    r"i have a (?:quick )?(?:question|problem|issue)",
    r"test(?:ing)?(?: test)?",
)
_QUESTION = later.pattern(
    r"^(?:(?:and|but|so|ok|okay|also|by the way|btw|wait|sorry|hm+|one question|question|quick question|another question|one more(?: thing| question)?)[ ,:.-]+){0,2}"
    r"(?:what|where|why|how|when|which|who|whose|can|could|does|do|did|is|are|was|were|will|would|should|may|must|has|have|shall)\b"
)


def looks_like_question(text: str) -> bool:
    """Whether it is put as a question: a question word in front, or a question mark at the end of few words."""
    folded = fold(text)
    if "\n" in text.strip() or len(folded) > 300:
        return False
    return bool(_QUESTION.match(folded)) and (text.rstrip().endswith("?") or words(folded) >= 4)


def is_solved(folded: str) -> bool:
    """It works now, in so many words."""
    if words(folded) > 20 or _NO.search(folded):
        return False
    return bool(_SOLVED.match(folded)) or _together(folded, _SOLVED, (_THANKS, _YES, _CANCEL))


_PAUSE: Final = later.pattern(r"[,.!;]+ +| - ")


def _together(folded: str, needed: re.Pattern[str], also: tuple[re.Pattern[str], ...]) -> bool:
    """Whether every part of it, from pause to pause, is one of these, and at least one the needed: "works, thank you"."""
    parts = [part.strip() for part in _PAUSE.split(folded) if part.strip()]
    if not 1 < len(parts) <= 4:
        return False
    return any(needed.match(part) for part in parts) and all(
        needed.match(part) or any(pattern.match(part) for pattern in also) for part in parts
    )


def is_yes(folded: str) -> bool:
    """A yes or praise."""
    return is_solved(folded) or (words(folded) <= 12 and bool(_YES.match(folded)) and not _NO.search(folded))


def is_addition(folded: str) -> bool:
    """Said about what was spoken of last: "it happens only in Firefox", "I forgot to say …"."""
    return bool(_ADDITION.match(folded))


_STATE: Final = later.pattern(
    r"\b(?:work|sync|solv|fix|gone|sort|resol|through|clear|run|back|clos|found|disappear|vanish|success|green|funkt|klapp|geht|gel[oö]st|march|r[eé]gl|werkt|gelukt|opgelost|resuel|soluc)\w*"
)


def tells_state(folded: str) -> bool:
    """Whether it says how things stand, rather than only that they please."""
    return bool(_STATE.search(folded))


def is_go_ahead(folded: str) -> bool:
    """Agreement to what was offered: hand it to a person."""
    return words(folded) <= 8 and bool(_GO_AHEAD.match(folded))


def is_thanks(folded: str) -> bool:
    """Thanks and goodbye."""
    if words(folded) > 16 or _NO.search(folded):
        return False
    return bool(_THANKS.match(folded)) or _together(folded, _THANKS, (_YES,))


def is_no(folded: str) -> bool:
    """It did not help; praise that is meant the other way counts as that."""
    return bool(_NO.search(folded[:400]))


def is_will_try(folded: str) -> bool:
    """About to try it."""
    return words(folded) <= 14 and bool(_WILL_TRY.search(folded))


# The words that requests for a person hang on: an angry typist misspells them (agnet, humen, conect).
_KEYWORDS: Final = (
    "person",
    "human",
    "agent",
    "support",
    "connect",
    "speak",
    "someone",
    "somebody",
    "transfer",
    "manager",
    "please",
    "colleague",
    "technician",
    "employee",
)
_SHORTHAND: Final = {
    "plz": "please",
    "pls": "please",
    "ur": "your",
    "u": "you",
    "2": "to",
    "wanna": "want to",
    "gimme": "give me",
    "wnat": "want",
    "tlak": "talk",
    "w": "with",
    "some1": "someone",
    "sum1": "someone",
    "any1": "anyone",
    "sb": "somebody",
    "smb": "somebody",
    "ppl": "people",
}


@lru_cache(maxsize=4096)
def _respelt(word: str) -> str:
    if word in _SHORTHAND:
        return _SHORTHAND[word]
    if len(word) < 4 or word in _KEYWORDS:
        return word
    for keyword in _KEYWORDS:
        if (
            abs(len(keyword) - len(word)) <= 1
            and word[0] == keyword[0]
            and OSA.distance(word, keyword, score_cutoff=1) <= 1
        ):
            return keyword
    return word


# Where no pattern fits, the words are weighed: somebody to talk to, a wish, and little about the product itself.
_WEIGHTS: Final = tuple(
    (weight, frozenset(listed.split()))
    for weight, listed in (
        (
            1.0,
            "human humans person people agent agents colleague colleagues technician technicians employee staff manager supervisor somebody someone anyone anybody representative rep operator specialist engineer consultant boss helpdesk live guy lady man woman mensch mitarbeiter medewerker mens iemand collega humain personne conseiller persona humano agente",
        ),
        (0.6, "support team expert lawyer management superior"),
        (
            1.0,
            "talk speak chat talking speaking phone call ring callback transfer connect forward escalate escalation listen listens conversation takeover reach sprechen praten spreken parler hablar",
        ),
        (
            0.6,
            "contact contacts discuss handle handles responsible hand over pick help assist answer answers reply real actual breathing alive living",
        ),
        (
            0.4,
            "want need get give demand require insist prefer rather like let please now asap immediately urgently today kindly instead me my us finally wish",
        ),
        (0.8, "bot robot machine chatbot computer automated automatic ai"),
        (
            0.4,
            "useless hopeless ridiculous fed angry unacceptable complaint complain furious tired enough frustrated frustrating stop",
        ),
        (
            -1.0,
            "quote quotes sync synced charge charges permission permissions role category billing autotask connectwise halopsa halo opportunity product products order orders distributor license licence template invoice report identifier email linked link match matched mapping price pricing status field import export create delete rename assign set add edit change approve approver see seen use view access",
        ),
        (-0.5, "how what where when why which does is are if company user users customer account login page"),
    )
)
_ENOUGH: Final = 2.5


def is_person(folded: str) -> bool:
    """A person is asked for, in any wording, spelling or temper."""
    if words(folded) > 60:
        return False
    respelt = re.sub(r"[\w']+", lambda match: _respelt(match[0]), folded)
    if _ABOUT_SUPPORT.search(folded):
        return False
    if _PERSON.search(respelt):
        return True
    seen = frozenset(re.findall(r"[\w]+", respelt))
    return (
        len(seen) <= 30
        and bool(seen & _WEIGHTS[0][1])
        and sum(weight * min(len(seen & listed), 2) for weight, listed in _WEIGHTS) >= _ENOUGH
    )


def has_other_words(folded: str) -> bool:
    """Whether most of its words have nothing to do with wanting a person: it may be the name of something."""
    said = re.findall(r"\w+", folded)
    about = frozenset("customer service support desk").union(*(listed for weight, listed in _WEIGHTS if weight > 0))
    return len(said) > 2 and 2 * sum(word not in about for word in said) >= len(said) and "please" not in said


_DROPPED: Final = later.pattern(
    r"^(?:ok(?:ay)?[,.]? |no[,.]? |ah[,.]? |well[,.]? )?(?:forget (?:it|that)|never ?mind|nvm|leave it|drop it|scratch that|scrap that|cancel(?: that| it| please)?)(?:[,.!;]+|\.\.\.| -) "
)


def is_cancel(folded: str) -> bool:
    """Never mind: as the whole message or with a pause behind it, since products may be called anything."""
    return words(folded) <= 14 and bool(_CANCEL.match(folded) or (_DROPPED.match(folded) and not is_person(folded)))


def is_none(folded: str) -> bool:
    """There is none, or it is not known."""
    return words(folded) <= 30 and bool(_NONE.match(folded))


def is_why(folded: str) -> bool:
    """A question about the form."""
    return words(folded) <= 20 and bool(_WHY.search(folded))


def is_recall(folded: str) -> bool:
    """A wish to see what the case holds."""
    return words(folded) <= 14 and bool(_RECALL.search(folded))


def is_news(folded: str) -> bool:
    """A question about the case's state."""
    return words(folded) <= 16 and bool(_NEWS.search(folded))


def is_greeting(folded: str) -> bool:
    """A greeting, or a bare call for help."""
    return words(folded) <= 8 and bool(_GREETING.match(folded))
