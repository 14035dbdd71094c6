"""The ways people say each request of the home assistant sample, held apart by split.

`[a|b|]` picks one alternative (the last one here is empty), `{slot}` is filled by generate.py. A phrase that opens with `~` is
a statement or a question of its own: it takes no "could you" in front. Phrases of `valid` and `test` never serve in train.
"""

LIGHT_ON = {
    "train": [
        "[turn|switch] on the [lights|light|lamp] in {room}", "[turn|switch] {room} [lights|light] on",
        "[turn|switch] the [lights|light] on in {room}", "lights on in {room}", "put the [light|lights] on in {room}",
        "~i need [some |]light in {room}", "~it is too dark in {room}", "light up {room}", "give me light in {room}",
        "~i can't see anything in {room}[, put the light on|]",
    ],
    "valid": ["get the lights going in {room}", "~{room} needs some light", "~let there be light in {room}"],
    "test": [
        "~the lamps in {room} should be on", "illuminate {room}", "~why is it so dark in {room}[, lights on|]",
        "flick the switch on in {room}", "~we would like {room} lit",
    ],
}
LIGHT_OFF = {
    "train": [
        "[turn|switch] off the [lights|light|lamp] in {room}", "[turn|switch] {room} [lights|light] off",
        "[turn|switch] the [lights|light] off in {room}", "lights out in {room}", "put the [light|lights] out in {room}",
        "~no more light in {room}", "~we don't need light in {room}", "kill the lights in {room}", "make it dark in {room}",
        "~nobody is in {room}, lights off",
    ],
    "valid": ["shut off the lights in {room}", "~{room} should be dark", "~the lamp in {room} can go off"],
    "test": [
        "~the lamps in {room} should be off", "cut the light in {room}", "~someone left the light on in {room}[, off with it|]",
        "darken {room} completely", "~{room} is empty so no lamps there",
    ],
}
BRIGHTNESS = {
    "train": [
        "dim the [lights|light] in {room} to {percent}", "set the [brightness|lights] in {room} to {percent}",
        "set {room} [lights|light] to {percent}", "change the brightness in {room} to {percent}",
        "put the [lights|light] in {room} at {percent}", "make the light in {room} {percent} bright",
        "~i want {percent} brightness in {room}", "~brightness in {room} to {percent}", "bring {room} lights to {percent}",
    ],
    "valid": ["adjust the lamps in {room} to {percent}", "~{room} light should be at {percent}", "keep {room} at {percent} brightness"],
    "test": [
        "~{percent} light is enough in {room}", "tune the lamps in {room} to {percent}", "~the brightness in {room} should be {percent}",
        "run the lamps in {room} at {percent}",
    ],
}
COLOR = {
    "train": [
        "[make|turn] the [lights|light] in {room} {color}", "set the [lights|light] in {room} to {color}",
        "change the color in {room} to {color}", "set {room} lights to {color}", "~i want {color} light in {room}",
        "switch the light in {room} to {color}", "give {room} {a_color} light", "~{color} lights in {room}",
        "color the lamps in {room} {color}",
    ],
    "valid": ["paint {room} in {color} light", "~{room} should glow {color}", "~let's have {color} lamps in {room}"],
    "test": [
        "bathe {room} in {color}", "~{room} would look nice in {color}", "~how about {color} light in {room}",
        "shift the lamps in {room} over to {color}",
    ],
}
TEMPERATURE = {
    "train": [
        "set [the temperature in |]{room} to {degrees}", "[heat|warm|cool] {room} to {degrees}",
        "[turn|put] the heating in {room} to {degrees}", "set the thermostat in {room} to {degrees}",
        "~i want {degrees} in {room}", "make it {degrees} in {room}", "change the temperature in {room} to {degrees}",
        "~temperature in {room} to {degrees}", "keep {room} at {degrees}", "~it should be {degrees} in {room} {at_time}",
        "set {room} to {degrees} {at_time}",
    ],
    "valid": ["adjust the heater in {room} to {degrees}", "~{degrees} would be nice in {room}", "bring {room} to {degrees} {at_time}"],
    "test": [
        "~{room} should have {degrees}", "~i am freezing, {degrees} in {room}", "get {room} up to {degrees}",
        "~the radiator in {room} should aim for {degrees}", "have {room} at {degrees} {at_time}",
    ],
}
OPEN_BLINDS = {
    "train": [
        "open the [blinds|curtains|shutters] in {room}", "open {room} [blinds|curtains|shutters]",
        "[raise|pull up] the blinds in {room}", "open the blinds in {room} {at_time}", "open the [blinds|shutters] in {room} to {percent}",
        "~blinds up in {room}", "let some daylight into {room}", "raise {room} blinds to {percent}",
    ],
    "valid": ["draw the curtains open in {room}", "~the shutters in {room} should go up", "lift the blinds in {room} to {percent}"],
    "test": [
        "let the sun into {room}", "roll up the shutters in {room}", "~{room} shutters should be up {at_time}",
        "uncover the windows in {room} to {percent}",
    ],
}
CLOSE_BLINDS = {
    "train": [
        "close the [blinds|curtains|shutters] in {room}", "close {room} [blinds|curtains|shutters]",
        "[lower|pull down] the blinds in {room}", "close the blinds in {room} {at_time}", "close the [blinds|shutters] in {room} to {percent}",
        "~blinds down in {room}", "keep the sun out of {room}", "shut the curtains in {room}",
    ],
    "valid": ["let the blinds down in {room}", "~the shutters in {room} should come down", "drop the blinds in {room} to {percent}"],
    "test": [
        "~nobody should see into {room}", "roll down the shutters in {room}", "~{room} shutters should be down {at_time}",
        "cover the windows in {room} to {percent}",
    ],
}
MUSIC = {
    "train": [
        "play {song} by {artist}", "play {song} by {artist} in {room}", "[play|put on] the song {song}", "play something by {artist}",
        "play [some|] music by {artist} in {room}", "put on some {genre} in {room}", "play {genre} in {room}",
        "start [the|my] {playlist} playlist", "play the {playlist} playlist in {room}", "~i want to hear {song} by {artist}",
        "~i would like to listen to {artist}", "shuffle the {playlist} playlist",
    ],
    "valid": ["queue {song} by {artist}", "~let me hear some {genre} in {room}", "~my {playlist} playlist in {room}"],
    "test": [
        "~we are in the mood for {artist}", "blast {song} by {artist} in {room}", "fire up the {playlist} playlist in {room}",
        "~time for some {genre} in {room}", "find {song} by {artist} and play it",
    ],
}
VOLUME = {
    "train": [
        "set the volume [in {room}|] to {percent}", "turn the [music|volume|speaker] in {room} [up|down] to {percent}",
        "change the volume in {room} to {percent}", "~volume [in {room}|] to {percent}", "put the speaker in {room} at {percent}",
        "make {room} speaker {percent} loud", "set {room} speakers to {percent} volume",
    ],
    "valid": ["adjust the sound in {room} to {percent}", "~the speaker in {room} should be at {percent}"],
    "test": [
        "crank the sound in {room} to {percent}", "~{percent} volume is enough in {room}", "~the loudness in {room} should be {percent}",
        "bring the speakers in {room} to {percent}",
    ],
}
TIMER = {
    "train": [
        "set a timer for {minutes}", "set a {label} timer for {minutes}", "set a timer for {minutes} for the {label}",
        "start a {minutes_adjective} timer for the {label}", "timer for {minutes}, {label}", "~the {label} needs {minutes}, set a timer",
        "count down {minutes} for the {label}", "start the {label} timer, {minutes}", "~i need a timer of {minutes} for the {label}",
        "create a timer called {label} for {minutes}", "tell me when the {label} is done in {minutes}",
    ],
    "valid": ["begin a timer of {minutes} for the {label}", "~{label} timer, {minutes}", "time the {label} for {minutes}"],
    "test": [
        "~the {label} will be done in {minutes}, set a timer", "beep in {minutes} for the {label}", "put {minutes} on the clock for the {label}",
        "run a {label} countdown of {minutes}",
    ],
}
ALARM = {
    "train": [
        "set an alarm for {time} {on_day}", "set an alarm {on_day} {at_time}", "wake me [up|] {at_time}", "wake me [up|] {on_day} {at_time}",
        "wake me up {day_part_time}", "set the alarm for {time}", "~i have to get up {on_day} {at_time}", "set an alarm called {alarm} for {time}",
        "~i need an alarm {day_part_time}", "alarm {on_day} {at_time}", "create an alarm named {alarm} {on_day} {at_time}",
    ],
    "valid": ["ring me {on_day} {at_time}", "~get me out of bed {day_part_time}", "make an alarm called {alarm} {at_time}"],
    "test": [
        "~i must not sleep past {time} {on_day}", "~have the alarm go off {day_part_time}", "have the alarm called {alarm} ring {on_day} {at_time}",
        "see that i am awake {on_day} {at_time}",
    ],
}
ADD_ITEM = {
    "train": [
        "add {item} to the {list} list", "add {quantity} {item} to the {list} list", "put {item} on the {list} list",
        "put {quantity} {item} on my {list} list", "~we need {quantity} {item}", "~we are out of {item}",
        "~we're running low on {item}, put it on the list", "add {item} to my list", "write {item} on the {list} list",
        "~i need to buy {quantity} {item}", "~{list} list, {quantity} {item}", "add {quantity} {item}",
    ],
    "valid": ["note {item} on the {list} list", "~don't let me forget {quantity} {item}", "~{item} should be on the {list} list"],
    "test": [
        "~there is no {item} left, add it to the {list} list", "jot down {quantity} {item} on the {list} list",
        "~{quantity} {item} belong on the {list} list", "~someone finished the {item}",
        "include {quantity} {item} in the {list} list",
    ],
}
CREATE_EVENT = {
    "train": [
        "[schedule|book|set up|create] {a_title} {on_day} {at_time}", "schedule {a_title} with {person} {on_day} {at_time}",
        "put {a_title} in my calendar {on_day} {at_time}", "add {a_title} [with {person}|] to my calendar {day_part_time}",
        "create an event called {title} {on_day} {at_time}", "~i have {a_title} with {person} {on_day} {at_time}, put it in the calendar",
        "book {a_title} with {person} for {minutes} {on_day} {at_time}", "[set up|plan] {a_title} {day_part_time}",
        "plan {a_title} with {person} {on_day}", "make an appointment called {title} {day_part_time}", "~new event, {title}, {on_day} {at_time}",
        "add {a_title} {at_time} {on_day}",
    ],
    "valid": [
        "arrange {a_title} with {person} {on_day} {at_time}", "~calendar entry, {title} with {person}, {day_part_time}",
        "fix {a_title} {on_day} {at_time}",
    ],
    "test": [
        "pencil in {a_title} with {person} {on_day} {at_time}", "~my calendar needs {a_title} {day_part_time}",
        "reserve {minutes} for {a_title} {on_day} {at_time}", "~there will be {a_title} with {person} {on_day} {at_time}, save it",
        "block time for {a_title} {on_day} {at_time}",
    ],
}
MOVE_EVENT = {
    "train": [
        "move {the_title} to {day_name}", "move {the_title} to {day_name} {at_time}", "[reschedule|shift] {the_title} to {time}",
        "[push|postpone] {the_title} to {day_name} {at_time}", "change {the_title} to {time} {on_day}", "move {the_title} with {person} to {day_name}",
        "~{the_title} is now {on_day} {at_time}", "reschedule {the_title} with {person} to {day_name} {at_time}", "~{the_title} has moved to {day_name}",
        "shift my {title} to {time} {on_day}",
    ],
    "valid": ["put {the_title} back to {day_name} {at_time}", "~{the_title} with {person} got shifted to {day_name}", "bring {the_title} forward to {time}"],
    "test": [
        "~{the_title} will now take place {on_day} {at_time}", "swap {the_title} over to {day_name} {at_time}",
        "~{person} wants {the_title} on another day, make it {day_name}", "delay {the_title} with {person} until {day_name} {at_time}",
    ],
}
CANCEL_EVENT = {
    "train": [
        "cancel {the_title} {on_day}", "cancel {the_title} with {person}", "[delete|remove] {the_title} from my calendar",
        "delete {the_title} {on_day} from my calendar", "call off {the_title} with {person} {on_day}", "~{the_title} {on_day} is cancelled",
        "~i can't make it to {the_title} {on_day}, cancel it", "remove {the_title} with {person} {on_day}", "drop {the_title}",
    ],
    "valid": ["take {the_title} with {person} off my calendar", "~{the_title} {on_day} is not happening", "erase {the_title} {on_day}"],
    "test": [
        "scrap {the_title} with {person} {on_day}", "~{the_title} {on_day} fell through", "~i will skip {the_title} with {person}, take it out",
        "strike {the_title} {on_day} from the calendar",
    ],
}
QUERY_CALENDAR = {
    "train": [
        "~when is {the_title}", "~when is {the_title} with {person}", "~when do i [meet|see] {person}", "~do i [meet|see] {person} {on_day}",
        "~what do i have with {person} {on_day}", "~am i free {on_day} {at_time}", "~do i have {a_title} {on_day}", "~is {the_title} {on_day}",
        "check my calendar for {the_title}", "check if i have time {on_day} {at_time}", "~what time is {the_title} {on_day}", "look up {the_title} with {person}",
    ],
    "valid": ["~have i got {a_title} {on_day}", "~is anything planned with {person} {on_day}", "see when {the_title} is"],
    "test": [
        "~which day was {the_title} with {person}", "~any plans with {person} {on_day}", "find out when {the_title} takes place",
        "~could i squeeze something in {on_day} {at_time}", "~will {person} be at {the_title} {on_day}",
    ],
}
REMINDER = {
    "train": [
        "remind me to {task} {on_day} {at_time}", "remind me {on_day} to {task}", "remind me {at_time} to {task}", "remind me to {task} {day_part_time}",
        "set a reminder to {task} {on_day}", "set a reminder {on_day} {at_time} to {task}", "~i have to {task} {on_day}, remind me",
        "~don't let me forget to {task} {on_day}", "remind me in {minutes} to {task}", "create a reminder to {task} {at_time}",
    ],
    "valid": ["give me a reminder {on_day} to {task}", "~i must not forget to {task} {on_day} {at_time}", "nudge me {at_time} to {task}"],
    "test": [
        "~make sure i remember to {task} {on_day} {at_time}", "ping me {on_day} {at_time} to {task}", "~it would be bad if i forgot to {task} {on_day}",
        "poke me in {minutes} to {task}", "bug me {day_part_time} to {task}",
    ],
}
LOCK = {
    "train": [
        "lock the {door} door", "lock the {door} door {at_time}", "~is the {door} door locked, if not lock it", "make sure the {door} door is locked {at_time}",
        "lock up the {door} door in {minutes}", "secure the {door} door", "bolt the {door} door {at_time}", "~the {door} door should be locked {at_time}",
    ],
    "valid": ["put the lock on the {door} door {at_time}", "~don't leave the {door} door open, lock it"],
    "test": [
        "~the {door} door is still open, lock it", "keep the {door} door shut and locked {at_time}", "~nobody may get in through the {door} door {at_time}",
        "fasten the lock of the {door} door in {minutes}",
    ],
}
VACUUM = {
    "train": [
        "vacuum {room}", "vacuum {room} {at_time}", "start the vacuum in {room}", "send the [robot|vacuum] to {room}", "clean the floor in {room} {at_time}",
        "run the [robot|vacuum] in {room} {on_day}", "~{room} needs vacuuming", "hoover {room} {on_day} {at_time}", "let the robot clean {room} in {minutes}",
        "~the floor in {room} is dirty", "start cleaning {room} {on_day}",
    ],
    "valid": ["have the robot do {room} {at_time}", "~there are crumbs in {room}, send the robot", "sweep {room} {on_day}"],
    "test": [
        "~someone spilled rice in {room}, get the vacuum", "dispatch the robot to {room} {on_day} {at_time}", "~{room} floor could use a clean {at_time}",
        "tidy the carpet in {room} {on_day}",
    ],
}
COFFEE = {
    "train": [
        "make [me |]{a_drink}", "make {cups} {drink} {at_time}", "brew {a_drink} {at_time}", "~i would like {a_drink}", "prepare {cups} {drink} in {minutes}",
        "~i want {a_drink} {at_time}", "start the coffee machine, {cups} {drink}", "get me {a_drink} in {minutes}", "have {a_drink} ready {at_time}",
    ],
    "valid": ["fix me {a_drink} {at_time}", "~{cups} {drink} {at_time} would be nice", "put on {a_drink}"],
    "test": [
        "~i could do with {a_drink} in {minutes}", "pour {cups} {drink} {at_time}", "~our guests want {cups} {drink}", "whip up {a_drink} {at_time}",
    ],
}
CAMERA = {
    "train": [
        "show me the {camera}", "show the {camera} camera", "show the {camera} camera on the screen in {room}", "~who is at the {camera}",
        "let me see the {camera} in {room}", "open the {camera} camera", "put the {camera} camera on the tv in {room}", "~what is going on at the {camera}",
        "~is anyone at the {camera}", "display the {camera}", "~i want to see the {camera} on the tablet in {room}",
    ],
    "valid": ["pull up the {camera} camera in {room}", "~what is happening near the {camera}", "give me a view of the {camera}"],
    "test": [
        "~i heard a noise at the {camera}, let me look", "bring up the {camera} on the display in {room}", "check the {camera} camera",
        "stream the {camera} to {room}",
    ],
}
NOTE = {
    "train": [
        "take a note that {note}", "note that {note}", "write down that {note}", "make a note, {note}", "remember that {note}", "~new note, {note}",
        "save a note that {note}", "add a note saying {note}", "~i want to write down that {note}",
    ],
    "valid": ["keep in mind that {note}", "put in my notes that {note}"],
    "test": ["jot down that {note}", "~for the record, {note}", "store the fact that {note}", "keep a memo that {note}"],
}
MESSAGE = {
    "train": [
        "tell {person} that {message}", "tell {person} {message}", "message {person} that {message}", "send {person} a message saying {message}",
        "send a message to {person} that {message}", "let {person} know that {message}", "text {person} that {message}", "write {person} that {message}",
        "~{person} should know that {message}",
    ],
    "valid": ["inform {person} that {message}", "~message for {person}, {message}"],
    "test": ["pass on to {person} that {message}", "shoot {person} a text saying {message}", "drop {person} a line that {message}", "notify {person} that {message}"],
}
WEATHER = {
    "train": [
        "~what is the weather [like |]in {city}", "~what's the weather in {city} {on_day}", "~will it rain in {city} {on_day}", "~how warm is it in {city}",
        "tell me the weather in {city} {on_day}", "~how is the weather in {city} {on_day}", "~do i need an umbrella in {city} {on_day}",
        "~is it cold in {city} {on_day}", "give me the forecast for {city} {on_day}", "~weather in {city} {on_day}", "check the weather for {city}",
    ],
    "valid": ["~what will the weather do in {city} {on_day}", "~is it sunny in {city} {on_day}", "look up the forecast for {city}"],
    "test": [
        "~should i take a coat to {city} {on_day}", "~any chance of snow in {city} {on_day}", "~how hot does it get in {city} {on_day}",
        "~what are the conditions in {city}",
    ],
}

INTENTS = {
    # intent: (phrases, share of the rows)
    "lights_on": (LIGHT_ON, 3), "lights_off": (LIGHT_OFF, 3), "set_brightness": (BRIGHTNESS, 4), "set_color": (COLOR, 3),
    "set_temperature": (TEMPERATURE, 5), "open_blinds": (OPEN_BLINDS, 3), "close_blinds": (CLOSE_BLINDS, 3), "play_music": (MUSIC, 6),
    "set_volume": (VOLUME, 4), "set_timer": (TIMER, 5), "set_alarm": (ALARM, 6), "add_to_list": (ADD_ITEM, 6), "create_event": (CREATE_EVENT, 8),
    "move_event": (MOVE_EVENT, 6), "cancel_event": (CANCEL_EVENT, 4), "query_calendar": (QUERY_CALENDAR, 5), "set_reminder": (REMINDER, 7),
    "lock_door": (LOCK, 3), "start_vacuum": (VACUUM, 4), "make_coffee": (COFFEE, 4), "show_camera": (CAMERA, 3), "take_note": (NOTE, 3),
    "send_message": (MESSAGE, 4), "get_weather": (WEATHER, 4),
}

# Around a phrase: openings go everywhere, requests and endings only with an imperative.
OPENINGS = {
    "train": ["hey house,", "okay home,", "hello,", "so", "hey,", "good morning,", "assistant,"],
    "valid": ["hi there,", "excuse me,"],
    "test": ["hey Nova,", "right,", "one more thing,", "dear house,"],
}
REQUESTS = {
    "train": ["could you", "can you", "could you please", "can you please", "would you", "i need you to", "i'd like you to", "please just", "please"],
    "valid": ["would you kindly", "i want you to"],
    "test": ["be so kind and", "do me a favor and", "i was hoping you could", "would you be able to"],
}
ENDINGS = {
    "train": [", please", ", thanks", "for me", ", thank you"],
    "valid": [", if you can", ", cheers"],
    "test": [", if you don't mind", ", many thanks", ", that would be great"],
}
FILLERS = ["um", "uh", "er", "you know", "hmm"]
CORRECTIONS = ["no wait", "sorry i mean", "i mean", "or rather", "no sorry"]
