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
        "~i want the [lights|lamps] on in {room}", "~can we have [some |]light in {room}",
        "~the [light|lamp] in {room} should go on", "~{room} lights on", "activate the [lights|lamps] in {room}",
        "brighten {room}[ up|]", "~it is dark in {room}, turn on the lamps",
    ],
    "valid": ["get the lights going in {room}", "~{room} needs some light", "~let there be light in {room}"],
    "test": [
        "~the lamps in {room} should be on", "illuminate {room}", "~why is it so dark in {room}[, lights on|]",
        "flick the lights on in {room}", "~we would like the lights on in {room}",
    ],
}
LIGHT_OFF = {
    "train": [
        "[turn|switch] off the [lights|light|lamp] in {room}", "[turn|switch] {room} [lights|light] off",
        "[turn|switch] the [lights|light] off in {room}", "lights out in {room}", "put the [light|lights] out in {room}",
        "~no more light in {room}", "~we don't need light in {room}", "kill the lights in {room}", "make it dark in {room}",
        "~nobody is in {room}, lights off",
        "~i want the [lights|lamps] off in {room}", "~the [light|lamp] in {room} should go off", "~{room} lights off",
        "deactivate the [lights|lamps] in {room}", "~there is still light in {room}, turn it off",
        "~we are leaving {room}, turn the lamps off", "extinguish the light in {room}",
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
        "~i would like the light in {room} at {percent}", "raise the brightness in {room} to {percent}",
        "lower the lamps in {room} to {percent}", "~the lights in {room} at {percent}", "dim {room} down to {percent}",
        "turn the lamps in {room} [up|down] to {percent}", "~{room} lamps to {percent}",
        "have the light in {room} at {percent}",
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
        "~the lights in {room} should be {color}", "~can we have {color} light in {room}",
        "use {color} light in {room}", "~make {room} {color}", "light {room} in {color}",
        "~the lamps in {room} in {color}", "~{color} would be a nice light for {room}",
        "fill {room} with {color} light",
    ],
    "valid": ["paint {room} in {color} light", "~{room} should glow {color}", "~let's have {color} lamps in {room}"],
    "test": [
        "bathe {room} in {color} light", "~{room} would look nice in {color} light", "~how about {color} light in {room}",
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
        "~i would like {degrees} in {room}", "~{room} should be at {degrees}",
        "~it is cold in {room}, heat it to {degrees}", "~we want {degrees} in {room} {at_time}",
        "turn the radiator in {room} [up|down] to {degrees}", "~{degrees} in {room}",
        "let the heating in {room} go to {degrees}", "~it is too warm in {room}, make it {degrees}",
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
        "~i want the blinds in {room} open", "~the [blinds|curtains] in {room} should be open {at_time}",
        "move the blinds in {room} up", "~it is morning, open the curtains in {room}", "~i'd like {room} blinds open",
        "push the shutters up in {room}", "open the window shades in {room} to {percent}",
        "bring in the sunlight in {room}", "have the blinds in {room} up {at_time}",
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
        "~i want the blinds in {room} closed", "~the [blinds|curtains] in {room} should be closed {at_time}",
        "move the blinds in {room} down", "~it is evening, close the curtains in {room}", "~i'd like {room} blinds closed",
        "push the shutters down in {room}", "~the sun is blinding me in {room}, close the blinds",
        "block the sun in {room}", "have the blinds in {room} down {at_time}",
    ],
    "valid": ["let the blinds down in {room}", "~the shutters in {room} should come down", "drop the blinds in {room} to {percent}"],
    "test": [
        "~the sun is too bright in {room}, shutters down", "roll down the shutters in {room}", "~{room} shutters should be down {at_time}",
        "bring the blinds down in {room} to {percent}",
    ],
}
MUSIC = {
    "train": [
        "play {song} by {artist}", "play {song} by {artist} in {room}", "[play|put on] the song {song}", "play something by {artist}",
        "play [some|] music by {artist} in {room}", "put on some {genre} in {room}", "play {genre} in {room}",
        "start [the|my] {playlist} playlist", "play the {playlist} playlist in {room}", "~i want to hear {song} by {artist}",
        "~i would like to listen to {artist}", "shuffle the {playlist} playlist",
        "~can we have some {genre} in {room}", "~we want to hear {artist} in {room}",
        "start playing {song} by {artist}", "turn on some {genre}", "~some {genre} in {room}",
        "~i feel like listening to {genre}", "play the song {song} by {artist} in {room}",
        "put the {playlist} playlist on in {room}", "~the {playlist} playlist, in {room}",
        "let {song} by {artist} play in {room}",
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
        "~i want the volume in {room} at {percent}", "~the music in {room} is too loud, make it {percent}",
        "raise the volume in {room} to {percent}", "lower the [sound|volume] in {room} to {percent}",
        "~the speakers in {room} at {percent}", "~music in {room} to {percent} volume",
        "have the sound in {room} at {percent}", "~the volume in {room} should go to {percent}",
        "~{room} volume to {percent}",
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
        "give me {minutes} for the {label}", "~the {label} takes {minutes}, start a timer",
        "tell me in {minutes} that the {label} is ready", "set {minutes} on the timer for the {label}",
        "~{minutes} for the {label}, starting now", "let a timer run {minutes} for the {label}",
        "call me in {minutes} for the {label}", "~the {label} timer should run for {minutes}",
        "alert me in {minutes} for the {label}",
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
        "~i want to get up {on_day} {at_time}", "~my alarm should ring {on_day} {at_time}",
        "get me up {on_day} {at_time}", "~i need to be awake {at_time} {on_day}",
        "have an alarm ready {day_part_time}", "~alarm called {alarm} {at_time}", "~let me sleep until {time}",
        "~i have to be up {day_part_time}", "start an alarm {on_day} {at_time}",
        "set the alarm named {alarm} {at_time} {on_day}",
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
        "~there is no more {item}", "~we have no {item} left", "~we need more {item}",
        "~i used the last of the {item}, add it to the list", "~i want {quantity} {item} on the {list} list",
        "~please buy {quantity} {item}", "~the {list} list needs {quantity} {item}", "~{item} goes on the {list} list",
        "get {quantity} {item} next time", "note down {quantity} {item} for the {list} list",
        "~we forgot {item} on the {list} list",
    ],
    "valid": ["note {item} on the {list} list", "~don't let me forget {quantity} {item}", "~{item} should be on the {list} list"],
    "test": [
        "~there is no {item} left, add it to the {list} list", "jot down {quantity} {item} on the {list} list",
        "~{quantity} {item} belong on the {list} list", "~someone used up the {item}, put it on the list",
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
        "~i am meeting {person} {on_day} {at_time} for {a_title}", "~there is {a_title} {on_day} {at_time}, add it",
        "enter {a_title} {on_day} {at_time} into my calendar", "save {a_title} with {person} {day_part_time}",
        "~i need {a_title} with {person} in the calendar {on_day} {at_time}",
        "~please have {a_title} planned {on_day} {at_time}", "organize {a_title} with {person} {on_day} {at_time}",
        "keep {minutes} free {on_day} {at_time} for {a_title}",
        "~{a_title} with {person} {on_day} {at_time}, add it to the calendar",
        "find a place for {a_title} {on_day} {at_time}", "mark {a_title} {day_part_time} in the calendar",
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
        "~{the_title} should be {on_day} {at_time} instead", "~i want {the_title} moved to {day_name}",
        "~{the_title} starts later, make it {time}", "set {the_title} to {time} instead",
        "~{person} asked to move {the_title} to {day_name}",
        "~we have to postpone {the_title} to {day_name} {at_time}", "take {the_title} over to {day_name}",
        "have {the_title} with {person} on another day, {day_name}", "transfer {the_title} to {day_name} {at_time}",
        "~let us do {the_title} {on_day} instead",
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
        "~i am not going to {the_title} {on_day}, cancel it", "~{the_title} with {person} is off, delete it",
        "~there is no {title} {on_day}, remove it", "clear {the_title} {on_day}",
        "get rid of {the_title} with {person}", "~we don't need {the_title} {on_day}, cancel it",
        "~{person} cancelled {the_title} {on_day}", "~i want {the_title} out of my calendar", "~no {title} {on_day}",
    ],
    "valid": ["take {the_title} with {person} off my calendar", "~{the_title} {on_day} is not happening", "erase {the_title} {on_day}"],
    "test": [
        "scrap {the_title} with {person} {on_day}", "~{the_title} {on_day} fell through, remove it", "~i will skip {the_title} with {person}, take it out",
        "strike {the_title} {on_day} from the calendar",
    ],
}
QUERY_CALENDAR = {
    "train": [
        "~when is {the_title}", "~when is {the_title} with {person}", "~when do i [meet|see] {person}", "~do i [meet|see] {person} {on_day}",
        "~what do i have with {person} {on_day}", "~am i free {on_day} {at_time}", "~do i have {a_title} {on_day}", "~is {the_title} {on_day}",
        "check my calendar for {the_title}", "check if i have time {on_day} {at_time}", "~what time is {the_title} {on_day}", "look up {the_title} with {person}",
        "~is {person} coming {on_day}", "~have i planned {a_title} {on_day}", "tell me when {the_title} is",
        "~do i have time {on_day} {at_time}", "~what day is {the_title} with {person}",
        "~am i meeting {person} {on_day}", "look in my calendar for {the_title} {on_day}",
        "~is there {a_title} with {person} {on_day}", "~can i do something {on_day} {at_time}",
        "see if {person} is in my calendar {on_day}", "~when does {the_title} start",
        "~what is planned with {person} {on_day}",
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
        "~i need to {task} {on_day} {at_time}, remind me", "~please remind me to {task} {on_day}",
        "let me know {on_day} {at_time} that i have to {task}", "tell me {at_time} to {task}",
        "tell me {on_day} to {task}", "~i want to be reminded {on_day} to {task}",
        "~a reminder {on_day} {at_time}, {task}", "alert me {day_part_time} to {task}",
        "~i should {task} {on_day} {at_time}, don't let me forget", "tell me in {minutes} to {task}",
        "help me remember to {task} {on_day}",
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
        "~i want the {door} door locked", "~the {door} door must be locked {at_time}",
        "close and lock the {door} door", "~did i lock the {door} door, if not do it",
        "lock the {door} door in {minutes}", "~i forgot to lock the {door} door", "~lock on the {door} door {at_time}",
        "turn the key in the {door} door {at_time}", "~let nobody in at the {door} door, lock it",
        "see to it that the {door} door is locked {at_time}",
    ],
    "valid": ["put the lock on the {door} door {at_time}", "~don't leave the {door} door open, lock it"],
    "test": [
        "~the {door} door is still open, lock it", "keep the {door} door shut and locked {at_time}", "~nobody may get in through the {door} door, lock it {at_time}",
        "fasten the lock of the {door} door in {minutes}",
    ],
}
VACUUM = {
    "train": [
        "vacuum {room}", "vacuum {room} {at_time}", "start the vacuum in {room}", "send the [robot|vacuum] to {room}", "clean the floor in {room} {at_time}",
        "run the [robot|vacuum] in {room} {on_day}", "~{room} needs vacuuming", "hoover {room} {on_day} {at_time}", "let the robot clean {room} in {minutes}",
        "~the floor in {room} is dirty", "start cleaning {room} {on_day}",
        "~i want {room} vacuumed {on_day}", "~there is dust in {room}, start the vacuum",
        "~the carpet in {room} is dirty", "let the vacuum go through {room}",
        "~please clean the carpet in {room} {at_time}", "~the robot should clean {room} {on_day} {at_time}",
        "get the robot to vacuum {room}", "~vacuum cleaner to {room} {at_time}",
        "~{room} is dirty, clean it {at_time}", "turn on the vacuum in {room} {on_day}",
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
        "~can i have {a_drink}", "~we would like {cups} {drink}", "~i need {a_drink} in {minutes}",
        "~please bring {cups} {drink}", "cook {a_drink} {at_time}", "turn on the machine for {a_drink} {at_time}",
        "~{a_drink} {at_time}", "~{cups} {drink} in {minutes}", "~it is time for {a_drink}",
        "do {cups} {drink} for the guests", "~the visitors would like {cups} {drink} {at_time}",
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
        "~i want to look at the {camera}", "~can i see the {camera} camera in {room}", "turn on the {camera} camera",
        "~what does the {camera} camera see", "~there was a sound at the {camera}, show me",
        "have a look at the {camera}", "view the {camera}", "send the picture of the {camera} to {room}",
        "~someone is at the {camera}, show me", "let the screen in {room} show the {camera}",
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
        "please note down that {note}", "record that {note}", "~don't forget that {note}", "store a note, {note}",
        "~a note for me, {note}", "~i want to remember that {note}", "memorize that {note}", "put down that {note}",
        "file a note that {note}",
    ],
    "valid": ["keep in mind that {note}", "put in my notes that {note}"],
    "test": ["jot down that {note}", "~for the record, {note}", "store the fact that {note}", "keep a memo that {note}"],
}
MESSAGE = {
    "train": [
        "tell {person} that {message}", "tell {person} {message}", "message {person} that {message}", "send {person} a message saying {message}",
        "send a message to {person} that {message}", "let {person} know that {message}", "text {person} that {message}", "write {person} that {message}",
        "~{person} should know that {message}",
        "send word to {person} that {message}", "give {person} the message that {message}",
        "~{person} needs to know that {message}", "~i want to tell {person} that {message}",
        "report to {person} that {message}", "send {person} a text that {message}",
        "~please have {person} know that {message}", "say to {person} that {message}",
        "send {person} a note saying {message}",
    ],
    "valid": ["inform {person} that {message}", "~message for {person}, {message}"],
    "test": ["pass on to {person} that {message}", "shoot {person} a text saying {message}", "drop {person} a line that {message}", "notify {person} that {message}"],
}
WEATHER = {
    "train": [
        "~what is the weather [like |]in {city}", "~what's the weather in {city} {on_day}", "~will it rain in {city} {on_day}", "~how warm is it in {city}",
        "tell me the weather in {city} {on_day}", "~how is the weather in {city} {on_day}", "~do i need an umbrella in {city} {on_day}",
        "~is it cold in {city} {on_day}", "give me the forecast for {city} {on_day}", "~weather in {city} {on_day}", "check the weather for {city}",
        "~is it raining in {city}", "~will it be sunny in {city} {on_day}", "~how cold will it be in {city} {on_day}",
        "~does it snow in {city}", "~should i pack a jacket for {city} {on_day}",
        "~what temperature does {city} have {on_day}", "find the weather forecast for {city} {on_day}",
        "~is there wind in {city} {on_day}", "~forecast for {city} {on_day}", "~what is it like outside in {city}",
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
    "train": ["hey house,", "okay home,", "hello,", "so", "hey,", "good morning,", "assistant,", "okay,", "listen,", "well,", "good evening,", "home,"],
    "valid": ["hi there,", "excuse me,"],
    "test": ["hey Nova,", "right,", "one more thing,", "dear house,"],
}
REQUESTS = {
    "train": ["could you", "can you", "could you please", "can you please", "would you", "i need you to", "i'd like you to", "please just", "please", "would you please", "i want to ask you to", "go and", "i would like you to"],
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
