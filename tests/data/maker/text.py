"""The calibration text: written for this file, in several registers, so that activations come from real sentences."""

SENTENCES = """
The ferry leaves the island at six in the morning, long before the shops along the harbour open.
My grandmother kept her recipes in a biscuit tin, and none of them mentioned how long anything should cook.
A compiler that explains its refusals saves more hours than one that silently picks another path.
The committee met on Tuesday, read the report twice, and postponed the decision to the spring.
Rain had washed the chalk marks off the pavement, but the children remembered where every line had been.
Please restart the router, wait for the green light, and only then plug in the second cable.
In the eastern valleys the harvest starts two weeks later because cold air settles there at night.
The defendant's lawyer argued that the contract had never been signed by both parties.
How do I replace the battery of a wireless keyboard without losing the pairing?
A group of scientists measured the temperature of the lake every hour for eleven years.
The violinist tuned her instrument while the audience was still looking for its seats.
Interest rates rose by a quarter of a point, which surprised almost nobody on the trading floor.
He sold the old van for less than it was worth and bought a bicycle with what remained.
The museum returned three bronze figures to the village from which they had been taken.
If the pressure drops below two bar, the valve closes and an alarm sounds in the control room.
She translated the poem four times and was satisfied only with the version she threw away.
Mix the flour with lukewarm water, cover the bowl, and let the dough rest for forty minutes.
The northern line will be closed on Sunday; replacement buses run every fifteen minutes.
Our team lost the match in the last minute, although it had the ball for most of the game.
Patients who slept less than five hours a night recovered more slowly after the operation.
The bridge was designed to carry horse carts, and now forty thousand cars cross it every day.
What is the difference between a comet and an asteroid?
The new law obliges landlords to return the deposit within one month.
A fox crossed the empty car park, stopped under the lamp, and looked straight at us.
The function returns an error when the group size does not divide the number of columns.
Tourists photograph the cathedral from the south because the sun is behind them in the afternoon.
The price of copper fell sharply after the mine reopened in the autumn.
Nobody in the office knew who had ordered the eleven boxes of green envelopes.
Light from that galaxy left before the first fish had learned to breathe air.
The apprentice sharpened the chisel until it could shave the hair from his arm.
Could you send me the minutes of the last meeting and the list of open questions?
The river has moved two hundred metres to the west since the map was drawn.
They planted oak trees along the road, knowing that they would never sit in their shade.
The vaccine must be kept cold during transport, or it loses half of its effect within days.
After the concert the pianist walked home through the snow without his coat.
The index is rebuilt every night, so a new document can be found on the following morning.
An old man at the market sells nothing but keys, and he can open any drawer in town.
The company apologised for the delay and offered its customers a refund.
Cats sleep for most of the day, yet they wake at the sound of a drawer being opened.
The election was decided by fewer than three hundred votes in a single district.
""".strip().splitlines()

# Quantizers that want long samples get the sentences joined in fours.
PARAGRAPHS = [" ".join(SENTENCES[i:i + 4]) for i in range(0, len(SENTENCES), 4)]
