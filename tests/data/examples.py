"""A record of every format that can be read, written by hand."""

ZSRE = {
    "subject": "Louise Grandjean",
    "prompt": "What voice type is Louise Grandjean?",
    "target_new": "mezzo soprano",
    "ground_truth": ["soprano"],
    "rephrase_prompt": "What tone does Louise Grandjean sing in?",
    "cond": "soprano >> mezzo soprano || What voice type is Louise Grandjean?",
    "locality": {"Relation_Specificity": [{"prompt": "Louise Grandjean citizenship", "ground_truth": ["France"]}]},
    "portability": {"Reasoning": [{"prompt": "What is the range of Louise Grandjean?", "ground_truth": "A3 to A5"}]},
}
COUNTERFACT = {
    "case_id": 1,
    "requested_rewrite": {
        "prompt": "{} passed away in",
        "relation_id": "P20",
        "subject": "May Wright Sewall",
        "target_new": {"str": "Birmingham", "id": "Q2256"},
        "target_true": {"str": "Indianapolis", "id": "Q6346"},
    },
    "paraphrase_prompts": ["Regrets\nXI. May Wright Sewall succumbed at", "May Wright Sewall's life ended in"],
    "neighborhood_prompts": ["Jake Weber succumbed at", "Robert Hanna died at"],
    "attribute_prompts": ["Thomas Worsey died at"],
    "generation_prompts": ["Where May Wright Sewall passed away, people speak the language of"],
    "portability": {
        "Recalled Relation": "(Birmingham, famous for, industry)",
        "New Question": "In which city of industry did May Wright Sewall die?",
        "New Answer": "Birmingham",
    },
}
FLAT = {
    "prompt": "The capital of France is",
    "subject": "France",
    "target_new": "Rome",
    "target_old": "Paris | Lutetia",
    "rephrase_1": "France's capital is",
    "rephrase_2": "The main city of France is",
    "relation": "capital",
    "locality_prompt": "The capital of Spain is",
    "locality_answer": "Madrid",
    "portability_prompt": "The river of the capital of France is the",
    "portability_answer": "Tiber | Tevere",
}
WIKIBIO = {
    "text": "This is a Wikipedia passage about matthew aylmer , 1st baron aylmer. Matthew Aylmer fought.",
    "labels": "Aylmer saw action at the Battle of Bantry Bay in May 1689.",
    "concept": "matthew aylmer",
    "locality": {"Relation_Specificity": [{"prompt": "matthew aylmer position held", "ground_truth": ["Member"]}]},
}
KNOWN = {
    "known_id": 2,
    "subject": "Audible.com",
    "attribute": "Amazon",
    "template": "{} is owned by",
    "prediction": " Amazon.com, Inc.",
    "prompt": "Audible.com is owned by",
    "relation_id": "P127",
}
COUNTERFACT_FLAT = {
    "case_id": 177,
    "prompt": "BMW E23, developed by",
    "target_new": "Suzuki",
    "subject": "BMW E23",
    "ground_truth": "BMW",
    "rephrase_prompt": None,
    "locality_prompt": "BMW M3 DTM is a product of",
    "locality_ground_truth": "BMW",
}
MEND = {
    "subject": "Rzechówek",
    "src": "What state is Rzechówek located?",
    "pred": "Gmina Łęczna",
    "rephrase": "Which State is located in Rzechówek?",
    "alt": "Gmina Ustrzyki",
    "answers": ["Gmina Sypniewo", "GS"],
    "loc": "nq question: which is produced in plants of narora",
    "loc_ans": "Atomic Power",
    "portability": {"Recalled Relation": "(…)", "New Question": "In which region is Rzechówek?", "New Answer": "South"},
}
EXAMPLES = {
    "KnowEdit": ZSRE,
    "CounterFact": COUNTERFACT,
    "flat table": FLAT,
    "WikiBio": WIKIBIO,
    "known_1000": KNOWN,
    "CounterFact, flat": COUNTERFACT_FLAT,
    "zsRE, MEND edition": MEND,
}
