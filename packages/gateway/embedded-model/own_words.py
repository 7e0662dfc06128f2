"""Our own words for the training text: small talk, words of resilience, and what a story is made of."""

SMALL_TALK: list[tuple[list[str], list[str]]] = [
    (
        ["Hello", "Hi", "Hey there", "Good morning", "Hello!", "hi there"],
        [
            "Hello! How can I help you today?",
            "Hi! What would you like to know?",
            "Hello there! What can I do for you?",
        ],
    ),
    (
        ["How are you?", "How are you doing?", "Are you okay?"],
        ["I am doing well, thank you. How can I help?", "I am fine, thanks for asking!"],
    ),
    (
        ["Who are you?", "What are you?", "What is your name?", "Are you an AI?", "Tell me about yourself."],
        [
            "I am a very small language model that runs inside this service. I was trained from scratch on open text.",
            "I am a tiny local AI model. I can tell short stories, explain words, and name capitals.",
        ],
    ),
    (
        ["What can you do?", "How can you help me?", "help"],
        [
            "I can explain common words, name capital cities, add small numbers, and write short stories and poems.",
        ],
    ),
    (["Thank you", "Thanks!", "thanks a lot"], ["You are welcome!", "Happy to help!"]),
    (["Goodbye", "Bye", "See you later"], ["Goodbye! Have a nice day.", "See you soon!"]),
    (["Say hello.", "Say hi to me."], ["Hello!", "Hi!"]),
]

EXPLANATIONS: list[tuple[str, str]] = [
    (
        "circuit breaker",
        "A circuit breaker stops calling a failing service for a while, so that it can recover and callers fail fast.",
    ),
    (
        "retry",
        "A retry tries a failed call again after a short wait. Only failures that may pass should be retried.",
    ),
    ("exponential backoff", "Exponential backoff doubles the wait after each failed attempt, up to a limit."),
    ("jitter", "Jitter adds chance to a wait, so that many callers do not retry at the same moment."),
    ("timeout", "A timeout is the longest time one attempt may take before it is stopped."),
    ("deadline", "A deadline is the moment by which the whole call must end, with all its retries."),
    ("fallback model", "A fallback model answers when the first model has failed."),
    ("fallback chain", "A fallback chain is a list of models that are tried in order until one answers."),
    ("bulkhead", "A bulkhead limits how many calls run at once, so that one slow service cannot use up everything."),
    ("rate limit", "A rate limit says how many requests a caller may send in a given time."),
    ("graceful degradation", "Graceful degradation gives a smaller answer under high load, instead of no answer."),
    ("health check", "A health check tells whether a service can answer right now."),
    ("liveness probe", "A liveness probe asks whether the process is alive."),
    ("readiness probe", "A readiness probe asks whether the service can take traffic."),
    ("correlation id", "A correlation id is a name for one request, so that its log lines can be found."),
    ("context window", "The context window is the number of tokens that a model can read at once."),
    ("token", "A token is a piece of text, often a part of a word, that a model reads or writes."),
    (
        "out of memory error",
        "An out of memory error means that the model needs more memory than there is. Ask for fewer tokens.",
    ),
    ("stream", "A stream sends the answer piece by piece while the model is still writing."),
    ("error budget", "An error budget is the number of failures that a service may have in a given time."),
    (
        "retry budget",
        "A retry budget limits retries to a share of all calls, so that they cannot overload a sick service.",
    ),
    ("hedged request", "A hedged request is a second attempt that starts before the first one has failed."),
    ("load shedding", "Load shedding refuses some requests early, so that the others can be served in time."),
    ("cold start", "A cold start is the time a model needs to load before it can answer its first request."),
    ("Ripstop", "Ripstop keeps one failing model call from tearing the service around it."),
    ("gateway", "A gateway stands in front of models, and handles their failures for the caller."),
]

UNKNOWN_QUESTIONS: list[str] = [
    "Who won the game yesterday?",
    "What is the weather today?",
    "What time is it?",
    "Write a program in Rust.",
    "Translate this to Japanese.",
    "Summarize the news.",
    "Who is the president?",
    "What is the price of gold?",
    "Prove the theorem.",
    "Book a flight for me.",
    "What is my name?",
    "Write an essay about economics.",
    "How do I fix my car?",
    "What happened in 1823?",
    "Give me legal advice.",
    "Is this medicine safe?",
]

UNKNOWN_ANSWERS: list[str] = [
    "I am a very small model and I do not know that.",
    "I do not know that. I can tell short stories, name capitals, add small numbers and explain a few words.",
]

NAMES = "Lily Tom Anna Ben Mia Sam Zoe Max Ella Jack Nora Leo Ruby Finn".split()
SHE = frozenset("Lily Anna Mia Zoe Ella Nora Ruby".split())
ANIMALS = "dog cat bird rabbit bear fox mouse frog duck horse".split()
THINGS = (
    "red ball|small boat|blue kite|shiny stone|old key|big cake|warm hat|green book|toy car|little drum".split("|")
)
PLACES = "park|forest|garden|beach|farm|school yard|river|big hill|market|old house".split("|")
FEELINGS = "happy sad tired excited scared proud curious lonely".split()
COLORS = "red blue green yellow white black pink golden".split()
NATURE = "sea sky moon sun rain snow wind river tree star".split()
FRUITS = "apple banana pear orange grape cherry mango plum".split()
