"""The slot values of the home assistant sample, held apart by split.

Every open pool is a triple (train, valid, test) of disjoint lists: a value of the test pool never occurs in train.
Closed sets (week days, numbers, times, lists) are shared: a model has to learn how they are written.
Songs, artists, playlists, titles, tasks, notes and messages are put together from parts, and each split has its own parts.
"""


def _pool(train, valid, test):
    parts = tuple([entry.strip() for entry in text.split(",")] for text in (train, valid, test))
    names = [entry for part in parts for entry in part]
    assert len(names) == len(set(names)), sorted(n for n in set(names) if names.count(n) > 1)
    return parts


ROOMS = _pool(
    "kitchen, living room, bedroom, bathroom, hallway, dining room, office, study, garage, basement, attic, nursery,"
    "guest room, laundry room, playroom, entrance hall, utility room, reading corner, upstairs landing, family room,"
    "guest bathroom, hobby room, tool shed, winter garden, home cinema, dressing room, stairwell, back porch",
    "den, pantry, mud room, music room, porch, craft room, boot room, shower room, roof terrace",
    "library, sun room, workshop, wine cellar, loft, sewing room, gym, breakfast room, darkroom, orangery, cloakroom,"
    "greenhouse, boiler room, tea room",
)

NAMES = _pool(
    "Anna, Ben, Clara, David, Emma, Felix, Grace, Henry, Isabel, Jack, Karen, Leo, Maria, Nina, Oliver, Paula, Robert,"
    "Sarah, Thomas, Victor, Wendy, Amir, Bianca, Carlos, Diana, Elena, Fatima, George, Hannah, Ivan, Julia, Kevin, Laura,"
    "Martin, Nadia, Omar, Peter, Rosa, Simon, Tara, Aisha, Boris, Chloe, Derek, Erik, Fiona, Gina, Hugo, Ingrid, Jonas,"
    "Kavita, Lars, Mona, Nikolai, Olga, Priya, Ruth, Stefan, Tina, Walter, Alice, Bruno, Celine, Daniel, Edith, Frank,"
    "Gloria, Harold, Irene, James, Katja, Luis, Monica, Nathan, Pablo, Rachel, Samuel, Teresa, Vera, Yusuf, Adam, Beth,"
    "Colin, Dora, Ella, Fred, Gavin, Helen, Jasmine, Kurt, Lucy, Miguel, Noah, Pavel, Rita, Sven, Tom, Ursula, Viola, Zoe",
    "Abigail, Bernd, Carmen, Dennis, Eva, Finn, Gerda, Hassan, Iris, Joel, Kira, Liam, Marta, Nils, Petra, Ralph, Selma,"
    "Theo, Valerie, William, Agnes, Barry, Connie, Dylan",
    "Matilda, Oskar, Bella, Gregor, Penelope, Rafael, Sofia, Tobias, Leila, Marcus, Astrid, Cedric, Delia, Emil, Freya,"
    "Gustav, Hilda, Igor, Jolene, Klaus, Lydia, Magnus, Noemi, Orlando, Phoebe, Quentin, Rowan, Stella, Timothy, Uma,"
    "Vincent, Wanda, Xavier, Yvonne, Zachary, Beatrice",
)

SURNAMES = _pool(
    "Miller, Fischer, Novak, Brown, Garcia, Silva, Jensen, Murphy, Kowalski, Rossi, Tanaka, Schmidt, Cohen, Evans, Dubois,"
    "Larsen, Patel, Reed, Wagner, Young, Bailey, Keller, Moreau, Santos, Clark",
    "Hughes, Bauer, Mendes, Olsen, Price, Lopez, Turner, Weber",
    "Lindgren, Okafor, Petrov, Hawkins, Romero, Yamamoto, Brandt, Sinclair, Duarte, Vogel, McKenna, Abbott",
)

ITEMS = _pool(
    "milk, butter, oat milk, brown rice, olive oil, tomatoes, apple juice, coffee beans, green tea, dish soap, toothpaste,"
    "paper towels, cat food, bananas, peanut butter, flour, brown sugar, honey, sea salt, black pepper, cream cheese,"
    "orange juice, sparkling water, red onions, garlic, spinach, yogurt, chocolate, crackers, tuna, chickpeas, lentils,"
    "noodles, soy sauce, mustard, ketchup, frozen peas, ice cream, cornflakes, raisins, almonds, shampoo, hand cream,"
    "light bulbs, batteries, bin bags, candles, dog biscuits, bird seed, tinfoil, vinegar, tomato paste, coconut milk,"
    "potato chips, strawberry jam, cinnamon, ginger, lemons, carrots, mushrooms, whole grain bread, pancake mix, washing powder,"
    "rubber gloves, tissues, cotton buds, baking powder, pickles, olives, apples, pears, cherry tomatoes, feta, red wine",
    "maple syrup, kidney beans, sunflower seeds, furniture polish, sour cream, matches, pumpkin soup, rye bread, blueberries,"
    "oregano, cling film, goat cheese, sponges, iced tea, walnuts, sweetcorn",
    "quinoa, pistachios, elderflower syrup, tofu, cranberry juice, fish fingers, wasabi, beeswax, rose water, pine nuts,"
    "smoked salmon, vanilla sugar, wood glue, parsnips, rhubarb, tahini, hot chocolate, dried apricots, marzipan, descaler,"
    "capers, gnocchi, polenta, apple sauce, cashews, hamster food, shoe polish, dental floss",
)

CITIES = _pool(
    "Berlin, Paris, London, Madrid, Rome, Vienna, Lisbon, Oslo, Stockholm, Dublin, Athens, Warsaw, Prague, Brussels, Chicago,"
    "Boston, Seattle, Denver, Toronto, Montreal, Sydney, Tokyo, Seoul, Mumbai, Cairo, Nairobi, Lima, Santiago, Istanbul,"
    "Amsterdam, Hamburg, Munich, Milan, Naples, Valencia, Porto, Lyon, Geneva, Glasgow, Manchester, Bristol, Houston, Atlanta,"
    "Phoenix, Ottawa, Perth, Osaka, Bangkok, Singapore, Cape Town, New York, San Diego, Mexico City, Buenos Aires",
    "Salzburg, Leipzig, Turin, Seville, Bergen, Cork, Ghent, Portland, Calgary, Adelaide, Kyoto, Delhi, Accra, Bogota",
    "Reykjavik, Helsinki, Krakow, Marseille, Florence, Bilbao, Gothenburg, Aberdeen, Antwerp, Ljubljana, Minneapolis, Honolulu,"
    "Vancouver, Brisbane, Sapporo, Hanoi, Dakar, Montevideo, Bratislava, Rotterdam, Zagreb, Baltimore, Winnipeg, Quito",
)

COLORS = _pool(
    "red, blue, green, yellow, orange, purple, pink, warm white, cold white, violet, gold, amber, sky blue, lime, dark red",
    "magenta, cream, light green, teal",
    "turquoise, coral, lavender, pale blue, crimson, peach, mint",
)

DOORS = _pool(
    "front, back, garage, cellar, patio, garden, side, balcony, main, kitchen, basement, terrace",
    "shed, porch, lobby, rear",
    "conservatory, courtyard, barn, attic, veranda, stable, boathouse",
)

CAMERAS = _pool(
    "driveway, front gate, back garden, garage, mailbox, front yard, parking space, swimming pool, side entrance, street,"
    "playground, backyard, carport, chicken coop",
    "bike rack, hallway window, lawn, alley, dog house",
    "duck pond, tree house, loading bay, north fence, bus stop, rose bed, orchard, wood pile, tennis court, jetty",
)

DRINKS = _pool(
    "espresso, cappuccino, latte, americano, black coffee, mocha, milk coffee, double espresso, filter coffee, decaf, iced coffee",
    "ristretto, caramel latte, long coffee",
    "cortado, flat white, macchiato, vanilla latte, lungo, hazelnut coffee",
)

LABELS = _pool(
    "pasta, eggs, rice, laundry, pizza, tea, cake, bread, potatoes, roast, yoga, homework, cookies, soup, dishwasher, nap,"
    "steak, oven, plank, meditation, lasagna, chicken, parking, beans",
    "muffins, sauna, quiche, reading, stew, face mask, break",
    "dumplings, risotto, sourdough, stretching, caramel, tumble dryer, bath, hair dye, curry, brownies, violin, asparagus",
)

GENRES = _pool(
    "jazz, rock, classical music, hip hop, folk, soul, reggae, country, blues, techno, opera, piano music, pop, disco",
    "swing, ambient, funk, gospel",
    "bossa nova, flamenco, bluegrass, trip hop, chamber music, ska, fado, drum and bass",
)

ALARMS = _pool(
    "gym, school, medicine, flight, work, run, early shift, church, market, football, exam, bus, rehearsal, hike",
    "rowing, baby, airport, lecture",
    "fishing, insulin, ferry, ballet, night shift, kindergarten, marathon, bakery",
)

# Songs are "Adjective Noun", artists "The Adjective Nouns" or a person: parts of each split are its own.
SONG_ADJECTIVES = _pool(
    "Paper, Silver, Slow, Golden, Broken, Empty, Summer, Midnight, Electric, Quiet, Lonely, Crystal, Wild, Burning, Distant,"
    "Hidden, Frozen, Velvet, Rusty, Falling, Little, Neon, Northern, Secret, Crooked",
    "Marble, Autumn, Restless, Hollow, Scarlet, Gentle, Sleepy",
    "Emerald, Winding, Forgotten, Copper, Drifting, Thunder, Bitter, Cotton, Salty, Radiant, Foggy, Wooden",
)
SONG_NOUNS = _pool(
    "River, Lanterns, Skies, Road, Hearts, Dreams, Letters, Moon, Garden, Mirror, Train, Rain, Fire, Stars, Window, Shadows,"
    "Ocean, Wolves, Bridge, Roses, City, Echo, Wings, Harbor, Stranger",
    "Meadow, Circles, Ladder, Candle, Sparrow, Avenue, Tides",
    "Lighthouse, Feathers, Canyon, Orchard, Compass, Waltz, Pebbles, Carousel, Horizon, Magnolia, Voyage, Tangerine",
)
BANDS = _pool(
    "Foxes, Pilots, Strangers, Tigers, Gardeners, Kings, Sailors, Lovers, Ravens, Neighbors, Poets, Rockets, Cowboys, Cousins,"
    "Robots, Dancers, Sisters, Wanderers",
    "Bakers, Falcons, Dreamers, Drummers, Owls",
    "Beetroots, Astronauts, Librarians, Otters, Fishermen, Jugglers, Magpies, Clockmakers, Penguins, Lumberjacks",
)
MOODS = _pool(
    "dinner, workout, morning, party, focus, road trip, sleep, cooking, summer, study, cleaning, gaming, weekend, rainy day,"
    "running, chill, date night, birthday",
    "camping, brunch, commute, painting",
    "gardening, barbecue, knitting, sunset, bath time, spring, packing, campfire, housewarming",
)

# Meetings and appointments: "modifier noun".
TITLE_MODIFIERS = _pool(
    "budget, project, design, team, marketing, product, customer, quarterly, hiring, sales, piano, guitar, swimming, dance,"
    "yoga, chemistry, cooking, family, birthday, garden, school, neighborhood, book club, chess, football, security, launch,"
    "strategy, board, planning, travel, research, tax, insurance, museum",
    "website, choir, tennis, wedding, support, pottery, data, kitchen, church, drawing",
    "archery, logistics, ballet, robotics, vineyard, payroll, climbing, harvest, ceramics, charity, trombone, photography,"
    "merger, fencing, orchestra, compliance, sailing, astronomy",
)
TITLE_NOUNS = _pool(
    "meeting, review, lesson, call, workshop, class, dinner, lunch, interview, training, party, appointment, session, check,"
    "presentation, practice",
    "briefing, course, demo, breakfast, visit",
    "rehearsal, inspection, seminar, debrief, tour, tasting, colloquium, auction, picnic",
)
TITLES = _pool(
    "dentist visit, haircut, daily standup, car service, eye test, school concert, blood test, vet visit, massage, concert",
    "job fair, physiotherapy session, open house",
    "chimney sweep, passport renewal, bowling tournament, piano tuning, flu shot, stargazing trip, allergy test, puppet show",
)

# Reminders: "verb object".
TASK_VERBS = _pool(
    "clean, check, repair, return, pick up, pay for, wash, call about, bring back, pack, move, look for, replace, put away, find",
    "paint, hide, fetch, describe",
    "polish, unplug, inspect, cover, dust off, measure, photograph, sell, insure",
)
TASK_OBJECTS = _pool(
    "the plants, the dishwasher, the car, the library books, the blue jacket, the fridge, the bike, the tickets, the rent,"
    "the school form, the windows, the bins, the parcel, the camera, the lawn mower, the printer, the fish tank, the sofa,"
    "the medicine, the birthday present, the tax papers, the smoke alarm, the garden hose, the suitcase, the phone contract",
    "the rabbit hutch, the gutter, the violin, the passport, the ladder, the curtains, the hedge",
    "the chandelier, the canoe, the hearing aid, the doorbell, the bonsai, the accordion, the freezer, the microscope,"
    "the rain barrel, the trampoline, the wheelbarrow, the espresso machine, the antique clock",
)

NOTE_SUBJECTS = _pool(
    "the spare key, the blue suitcase, the old ladder, the car manual, the good scissors, the paint for the fence, the warranty,"
    "the birthday cake, the tent, the baby monitor, the drill, the winter coat, the passport, the vase, the board game,"
    "the sewing machine, the first aid kit, the tax folder, the tripod, the picnic basket",
    "the air pump, the red umbrella, the fuse box, the guest bed, the telescope",
    "the metal detector, the wedding album, the fishing rod, the snow shovel, the stapler, the hammock, the yoga mat,"
    "the extension cord, the cake tin",
)
NOTE_PREDICATES = _pool(
    "is under the stairs, is in the top drawer, belongs to the neighbors, needs a new battery, is behind the sofa,"
    "must go back to the shop, is in the car, was a gift from my aunt, is on the top shelf, needs cleaning,"
    "is in the hall cupboard, got lost at the station, cost forty euros, is broken again, is next to the boiler,"
    "should stay dry, is at the office, fits in the trunk",
    "is under the bed, needs new screws, is with the dentist, smells of smoke, has a small crack",
    "is inside the piano bench, was borrowed by the teacher, hangs above the workbench, has a loose handle,"
    "is wrapped in newspaper, leaks at the bottom, was sold last year, sits behind the water tank",
)

MESSAGE_STARTS = _pool(
    "i am, we are, the kids are, my dad is, my mom is, the guests are, everyone is",
    "the twins are, my boss is",
    "the plumber is, my uncle is, the neighbors are, our team is",
)
MESSAGE_ENDS = _pool(
    "running late, on the way home, stuck in traffic, still at work, ready to go, almost there, waiting at the station,"
    "feeling better, at the airport, back in an hour, out of the house, not coming today, very excited, done for today,"
    "in front of the house, busy right now",
    "at the bakery, leaving soon, too tired tonight, at the front desk",
    "lost near the stadium, looking for parking, halfway up the hill, arriving at the harbor, asleep already,"
    "covered in mud, queuing for tickets",
)

LISTS = ["shopping", "grocery", "party", "holiday", "hardware", "pharmacy"]
PLURALS = {"bottle": "bottles", "jar": "jars", "can": "cans", "pack": "packs", "box": "boxes", "bag": "bags"}
UNITS = (
    # units, the endings of the items they go with; the last line takes the rest
    (["bottle"], ("milk", "oil", "juice", "water", "sauce", "vinegar", "wine", "soap", "shampoo", "syrup", "ketchup", "descaler")),
    (["jar"], ("honey", "jam", "mustard", "peanut butter", "paste", "pickles", "olives", "capers", "tahini", "cream")),
    (["can"], ("beans", "tuna", "chickpeas", "lentils", "soup", "sweetcorn", "food")),
    (["pack", "box", "bag"], ("",)),
)
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
).split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()


def spell(number):
    """The English words of 0 … 100."""
    if number < 20:
        return ONES[number]
    if number == 100:
        return "a hundred"
    return TENS[number // 10] + (" " + ONES[number % 10] if number % 10 else "")
