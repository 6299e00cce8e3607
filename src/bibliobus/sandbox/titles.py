"""Well-known books that belong to everybody, in the language they were written in.

Title, author, language (ISO 639-1): one a line.
"""

from __future__ import annotations

_BOOKS = """
Middlemarch | George Eliot | en
Silas Marner | George Eliot | en
The Mill on the Floss | George Eliot | en
Adam Bede | George Eliot | en
Daniel Deronda | George Eliot | en
Pride and Prejudice | Jane Austen | en
Sense and Sensibility | Jane Austen | en
Emma | Jane Austen | en
Persuasion | Jane Austen | en
Mansfield Park | Jane Austen | en
Northanger Abbey | Jane Austen | en
Jane Eyre | Charlotte Brontë | en
Villette | Charlotte Brontë | en
Shirley | Charlotte Brontë | en
Wuthering Heights | Emily Brontë | en
Agnes Grey | Anne Brontë | en
The Tenant of Wildfell Hall | Anne Brontë | en
Great Expectations | Charles Dickens | en
David Copperfield | Charles Dickens | en
Oliver Twist | Charles Dickens | en
Bleak House | Charles Dickens | en
A Tale of Two Cities | Charles Dickens | en
A Christmas Carol | Charles Dickens | en
Little Dorrit | Charles Dickens | en
Hard Times | Charles Dickens | en
The Pickwick Papers | Charles Dickens | en
Our Mutual Friend | Charles Dickens | en
Vanity Fair | William Makepeace Thackeray | en
Barchester Towers | Anthony Trollope | en
The Way We Live Now | Anthony Trollope | en
North and South | Elizabeth Gaskell | en
Cranford | Elizabeth Gaskell | en
The Moonstone | Wilkie Collins | en
The Woman in White | Wilkie Collins | en
Tess of the d'Urbervilles | Thomas Hardy | en
Far from the Madding Crowd | Thomas Hardy | en
Jude the Obscure | Thomas Hardy | en
The Return of the Native | Thomas Hardy | en
Frankenstein | Mary Shelley | en
Dracula | Bram Stoker | en
Carmilla | Sheridan Le Fanu | en
The Picture of Dorian Gray | Oscar Wilde | en
The Importance of Being Earnest | Oscar Wilde | en
Treasure Island | Robert Louis Stevenson | en
Kidnapped | Robert Louis Stevenson | en
The Strange Case of Dr Jekyll and Mr Hyde | Robert Louis Stevenson | en
The Time Machine | H. G. Wells | en
The War of the Worlds | H. G. Wells | en
The Invisible Man | H. G. Wells | en
The Island of Doctor Moreau | H. G. Wells | en
A Study in Scarlet | Arthur Conan Doyle | en
The Hound of the Baskervilles | Arthur Conan Doyle | en
The Sign of the Four | Arthur Conan Doyle | en
The Lost World | Arthur Conan Doyle | en
Heart of Darkness | Joseph Conrad | en
Lord Jim | Joseph Conrad | en
Nostromo | Joseph Conrad | en
The Secret Agent | Joseph Conrad | en
Kim | Rudyard Kipling | en
The Jungle Book | Rudyard Kipling | en
Just So Stories | Rudyard Kipling | en
Alice's Adventures in Wonderland | Lewis Carroll | en
Through the Looking-Glass | Lewis Carroll | en
The Wind in the Willows | Kenneth Grahame | en
Peter Pan | J. M. Barrie | en
The Railway Children | E. Nesbit | en
Five Children and It | E. Nesbit | en
The Secret Garden | Frances Hodgson Burnett | en
A Little Princess | Frances Hodgson Burnett | en
Black Beauty | Anna Sewell | en
The Tale of Peter Rabbit | Beatrix Potter | en
Three Men in a Boat | Jerome K. Jerome | en
The Diary of a Nobody | George Grossmith | en
A Room with a View | E. M. Forster | en
Howards End | E. M. Forster | en
The Good Soldier | Ford Madox Ford | en
Of Human Bondage | W. Somerset Maugham | en
Sons and Lovers | D. H. Lawrence | en
The Man Who Was Thursday | G. K. Chesterton | en
The Innocence of Father Brown | G. K. Chesterton | en
The Thirty-Nine Steps | John Buchan | en
King Solomon's Mines | H. Rider Haggard | en
She | H. Rider Haggard | en
The Prisoner of Zenda | Anthony Hope | en
The Scarlet Pimpernel | Baroness Orczy | en
Robinson Crusoe | Daniel Defoe | en
Moll Flanders | Daniel Defoe | en
Gulliver's Travels | Jonathan Swift | en
Tom Jones | Henry Fielding | en
Joseph Andrews | Henry Fielding | en
Tristram Shandy | Laurence Sterne | en
The Vicar of Wakefield | Oliver Goldsmith | en
Evelina | Fanny Burney | en
Ivanhoe | Walter Scott | en
Rob Roy | Walter Scott | en
Waverley | Walter Scott | en
Hamlet | William Shakespeare | en
Macbeth | William Shakespeare | en
King Lear | William Shakespeare | en
Othello | William Shakespeare | en
Romeo and Juliet | William Shakespeare | en
The Tempest | William Shakespeare | en
Twelfth Night | William Shakespeare | en
A Midsummer Night's Dream | William Shakespeare | en
Much Ado About Nothing | William Shakespeare | en
The Merchant of Venice | William Shakespeare | en
Julius Caesar | William Shakespeare | en
Doctor Faustus | Christopher Marlowe | en
Volpone | Ben Jonson | en
The Canterbury Tales | Geoffrey Chaucer | en
Paradise Lost | John Milton | en
The Pilgrim's Progress | John Bunyan | en
Songs of Innocence and of Experience | William Blake | en
Lyrical Ballads | William Wordsworth | en
Don Juan | Lord Byron | en
In Memoriam | Alfred Tennyson | en
Goblin Market | Christina Rossetti | en
A Shropshire Lad | A. E. Housman | en
On the Origin of Species | Charles Darwin | en
The Voyage of the Beagle | Charles Darwin | en
The Wealth of Nations | Adam Smith | en
Leviathan | Thomas Hobbes | en
On Liberty | John Stuart Mill | en
A Vindication of the Rights of Woman | Mary Wollstonecraft | en
The Life of Samuel Johnson | James Boswell | en
The Diary | Samuel Pepys | en
Walden | Henry David Thoreau | en
Moby-Dick | Herman Melville | en
Bartleby, the Scrivener | Herman Melville | en
The Scarlet Letter | Nathaniel Hawthorne | en
The House of the Seven Gables | Nathaniel Hawthorne | en
Leaves of Grass | Walt Whitman | en
Poems | Emily Dickinson | en
The Raven | Edgar Allan Poe | en
The Fall of the House of Usher | Edgar Allan Poe | en
Adventures of Huckleberry Finn | Mark Twain | en
The Adventures of Tom Sawyer | Mark Twain | en
The Prince and the Pauper | Mark Twain | en
Uncle Tom's Cabin | Harriet Beecher Stowe | en
Little Women | Louisa May Alcott | en
The Last of the Mohicans | James Fenimore Cooper | en
The Legend of Sleepy Hollow | Washington Irving | en
The Portrait of a Lady | Henry James | en
The Turn of the Screw | Henry James | en
Washington Square | Henry James | en
The Awakening | Kate Chopin | en
The Age of Innocence | Edith Wharton | en
The House of Mirth | Edith Wharton | en
Ethan Frome | Edith Wharton | en
The Red Badge of Courage | Stephen Crane | en
The Call of the Wild | Jack London | en
White Fang | Jack London | en
The Jungle | Upton Sinclair | en
My Ántonia | Willa Cather | en
O Pioneers! | Willa Cather | en
Sister Carrie | Theodore Dreiser | en
Winesburg, Ohio | Sherwood Anderson | en
The Wonderful Wizard of Oz | L. Frank Baum | en
Narrative of the Life of Frederick Douglass | Frederick Douglass | en
Incidents in the Life of a Slave Girl | Harriet Jacobs | en
The Souls of Black Folk | W. E. B. Du Bois | en
Up from Slavery | Booker T. Washington | en
The Yellow Wallpaper | Charlotte Perkins Gilman | en
Anne of Green Gables | L. M. Montgomery | en
The Story of an African Farm | Olive Schreiner | en
My Brilliant Career | Miles Franklin | en
The Great Gatsby | F. Scott Fitzgerald | en
Mrs Dalloway | Virginia Woolf | en
Jacob's Room | Virginia Woolf | en
Dubliners | James Joyce | en
A Portrait of the Artist as a Young Man | James Joyce | en
Ulysses | James Joyce | en
The Garden Party | Katherine Mansfield | en
Les Misérables | Victor Hugo | fr
Notre-Dame de Paris | Victor Hugo | fr
Les Travailleurs de la mer | Victor Hugo | fr
Madame Bovary | Gustave Flaubert | fr
L'Éducation sentimentale | Gustave Flaubert | fr
Salammbô | Gustave Flaubert | fr
Le Rouge et le Noir | Stendhal | fr
La Chartreuse de Parme | Stendhal | fr
Le Père Goriot | Honoré de Balzac | fr
Eugénie Grandet | Honoré de Balzac | fr
La Cousine Bette | Honoré de Balzac | fr
Illusions perdues | Honoré de Balzac | fr
Germinal | Émile Zola | fr
Nana | Émile Zola | fr
Thérèse Raquin | Émile Zola | fr
L'Assommoir | Émile Zola | fr
Au Bonheur des Dames | Émile Zola | fr
Les Trois Mousquetaires | Alexandre Dumas | fr
Le Comte de Monte-Cristo | Alexandre Dumas | fr
La Dame aux camélias | Alexandre Dumas fils | fr
Vingt mille lieues sous les mers | Jules Verne | fr
Le Tour du monde en quatre-vingts jours | Jules Verne | fr
Voyage au centre de la Terre | Jules Verne | fr
L'Île mystérieuse | Jules Verne | fr
Candide | Voltaire | fr
Zadig | Voltaire | fr
Jacques le Fataliste | Denis Diderot | fr
La Religieuse | Denis Diderot | fr
Les Confessions | Jean-Jacques Rousseau | fr
Du contrat social | Jean-Jacques Rousseau | fr
Lettres persanes | Montesquieu | fr
Les Liaisons dangereuses | Pierre Choderlos de Laclos | fr
La Princesse de Clèves | Madame de La Fayette | fr
Lettres | Madame de Sévigné | fr
Manon Lescaut | Abbé Prévost | fr
Paul et Virginie | Bernardin de Saint-Pierre | fr
Gargantua | François Rabelais | fr
Essais | Michel de Montaigne | fr
Pensées | Blaise Pascal | fr
Tartuffe | Molière | fr
Le Misanthrope | Molière | fr
L'Avare | Molière | fr
Phèdre | Jean Racine | fr
Le Cid | Pierre Corneille | fr
Fables | Jean de La Fontaine | fr
Contes de ma mère l'Oye | Charles Perrault | fr
Le Barbier de Séville | Beaumarchais | fr
Atala | François-René de Chateaubriand | fr
Indiana | George Sand | fr
La Mare au diable | George Sand | fr
Carmen | Prosper Mérimée | fr
Les Fleurs du mal | Charles Baudelaire | fr
Une saison en enfer | Arthur Rimbaud | fr
Romances sans paroles | Paul Verlaine | fr
Bel-Ami | Guy de Maupassant | fr
Le Horla | Guy de Maupassant | fr
Une vie | Guy de Maupassant | fr
Cyrano de Bergerac | Edmond Rostand | fr
Le Fantôme de l'Opéra | Gaston Leroux | fr
Arsène Lupin, gentleman-cambrioleur | Maurice Leblanc | fr
Du côté de chez Swann | Marcel Proust | fr
Le Grand Meaulnes | Alain-Fournier | fr
Alcools | Guillaume Apollinaire | fr
De la démocratie en Amérique | Alexis de Tocqueville | fr
Faust | Johann Wolfgang von Goethe | de
Die Leiden des jungen Werthers | Johann Wolfgang von Goethe | de
Wilhelm Meisters Lehrjahre | Johann Wolfgang von Goethe | de
Die Wahlverwandtschaften | Johann Wolfgang von Goethe | de
Die Räuber | Friedrich Schiller | de
Wilhelm Tell | Friedrich Schiller | de
Maria Stuart | Friedrich Schiller | de
Nathan der Weise | Gotthold Ephraim Lessing | de
Emilia Galotti | Gotthold Ephraim Lessing | de
Kinder- und Hausmärchen | Jacob und Wilhelm Grimm | de
Der Sandmann | E. T. A. Hoffmann | de
Lebens-Ansichten des Katers Murr | E. T. A. Hoffmann | de
Michael Kohlhaas | Heinrich von Kleist | de
Der zerbrochne Krug | Heinrich von Kleist | de
Woyzeck | Georg Büchner | de
Dantons Tod | Georg Büchner | de
Aus dem Leben eines Taugenichts | Joseph von Eichendorff | de
Buch der Lieder | Heinrich Heine | de
Deutschland. Ein Wintermärchen | Heinrich Heine | de
Die Judenbuche | Annette von Droste-Hülshoff | de
Der Schimmelreiter | Theodor Storm | de
Immensee | Theodor Storm | de
Effi Briest | Theodor Fontane | de
Der Stechlin | Theodor Fontane | de
Der grüne Heinrich | Gottfried Keller | de
Kleider machen Leute | Gottfried Keller | de
Der Nachsommer | Adalbert Stifter | de
Peter Schlemihls wundersame Geschichte | Adelbert von Chamisso | de
Hyperion | Friedrich Hölderlin | de
Heidi | Johanna Spyri | de
Max und Moritz | Wilhelm Busch | de
Der Struwwelpeter | Heinrich Hoffmann | de
Also sprach Zarathustra | Friedrich Nietzsche | de
Kritik der reinen Vernunft | Immanuel Kant | de
Das Kapital | Karl Marx | de
Die Traumdeutung | Sigmund Freud | de
Buddenbrooks | Thomas Mann | de
Der Tod in Venedig | Thomas Mann | de
Die Verwandlung | Franz Kafka | de
Der Prozeß | Franz Kafka | de
Das Schloß | Franz Kafka | de
Die Aufzeichnungen des Malte Laurids Brigge | Rainer Maria Rilke | de
Duineser Elegien | Rainer Maria Rilke | de
Traumnovelle | Arthur Schnitzler | de
Frühlings Erwachen | Frank Wedekind | de
Die Waffen nieder! | Bertha von Suttner | de
Don Quijote de la Mancha | Miguel de Cervantes | es
Novelas ejemplares | Miguel de Cervantes | es
Lazarillo de Tormes | Anónimo | es
La Celestina | Fernando de Rojas | es
El burlador de Sevilla | Tirso de Molina | es
Fuenteovejuna | Lope de Vega | es
La vida es sueño | Pedro Calderón de la Barca | es
El Buscón | Francisco de Quevedo | es
Soledades | Luis de Góngora | es
Primero sueño | Sor Juana Inés de la Cruz | es
Rimas y leyendas | Gustavo Adolfo Bécquer | es
La Regenta | Leopoldo Alas | es
Fortunata y Jacinta | Benito Pérez Galdós | es
Marianela | Benito Pérez Galdós | es
Pepita Jiménez | Juan Valera | es
Los pazos de Ulloa | Emilia Pardo Bazán | es
Martín Fierro | José Hernández | es
Facundo | Domingo Faustino Sarmiento | es
María | Jorge Isaacs | es
Azul… | Rubén Darío | es
Niebla | Miguel de Unamuno | es
La Divina Commedia | Dante Alighieri | it
Vita nuova | Dante Alighieri | it
Il Decameron | Giovanni Boccaccio | it
Canzoniere | Francesco Petrarca | it
Il Principe | Niccolò Machiavelli | it
Orlando furioso | Ludovico Ariosto | it
Gerusalemme liberata | Torquato Tasso | it
La locandiera | Carlo Goldoni | it
I promessi sposi | Alessandro Manzoni | it
Canti | Giacomo Leopardi | it
Le avventure di Pinocchio | Carlo Collodi | it
Cuore | Edmondo De Amicis | it
I Malavoglia | Giovanni Verga | it
Il fu Mattia Pascal | Luigi Pirandello | it
La coscienza di Zeno | Italo Svevo | it
Canne al vento | Grazia Deledda | it
Os Lusíadas | Luís de Camões | pt
Memórias póstumas de Brás Cubas | Machado de Assis | pt
Dom Casmurro | Machado de Assis | pt
O Crime do Padre Amaro | Eça de Queirós | pt
Os Maias | Eça de Queirós | pt
Amor de Perdição | Camilo Castelo Branco | pt
Iracema | José de Alencar | pt
Max Havelaar | Multatuli | nl
De kleine Johannes | Frederik van Eeden | nl
Et dukkehjem | Henrik Ibsen | no
Peer Gynt | Henrik Ibsen | no
Sult | Knut Hamsun | no
Eventyr | H. C. Andersen | da
Enten – Eller | Søren Kierkegaard | da
Niels Lyhne | J. P. Jacobsen | da
Gösta Berlings saga | Selma Lagerlöf | sv
Nils Holgerssons underbara resa | Selma Lagerlöf | sv
Fröken Julie | August Strindberg | sv
Röda rummet | August Strindberg | sv
Kalevala | Elias Lönnrot | fi
Seitsemän veljestä | Aleksis Kivi | fi
Njáls saga | Óþekktur höfundur | is
Quo vadis | Henryk Sienkiewicz | pl
Lalka | Bolesław Prus | pl
Pan Tadeusz | Adam Mickiewicz | pl
Babička | Božena Němcová | cs
Osudy dobrého vojáka Švejka | Jaroslav Hašek | cs
R.U.R. | Karel Čapek | cs
Az ember tragédiája | Imre Madách | hu
A Pál utcai fiúk | Ferenc Molnár | hu
Война и мир | Лев Толстой | ru
Анна Каренина | Лев Толстой | ru
Смерть Ивана Ильича | Лев Толстой | ru
Преступление и наказание | Фёдор Достоевский | ru
Идиот | Фёдор Достоевский | ru
Братья Карамазовы | Фёдор Достоевский | ru
Мёртвые души | Николай Гоголь | ru
Нос | Николай Гоголь | ru
Евгений Онегин | Александр Пушкин | ru
Капитанская дочка | Александр Пушкин | ru
Отцы и дети | Иван Тургенев | ru
Вишнёвый сад | Антон Чехов | ru
Чайка | Антон Чехов | ru
Герой нашего времени | Михаил Лермонтов | ru
Обломов | Иван Гончаров | ru
Кобзар | Тарас Шевченко | uk
Лісова пісня | Леся Українка | uk
Под игото | Иван Вазов | bg
Ἰλιάς | Ὅμηρος | el
Ὀδύσσεια | Ὅμηρος | el
Ἀντιγόνη | Σοφοκλῆς | el
Πολιτεία | Πλάτων | el
Aeneis | Publius Vergilius Maro | la
Metamorphoses | Publius Ovidius Naso | la
De rerum natura | Titus Lucretius Carus | la
紅樓夢 | 曹雪芹 | zh
西遊記 | 吳承恩 | zh
三國演義 | 羅貫中 | zh
水滸傳 | 施耐庵 | zh
論語 | 孔子 | zh
道德經 | 老子 | zh
源氏物語 | 紫式部 | ja
枕草子 | 清少納言 | ja
おくのほそ道 | 松尾芭蕉 | ja
坊っちゃん | 夏目漱石 | ja
こころ | 夏目漱石 | ja
羅生門 | 芥川龍之介 | ja
ألف ليلة وليلة | مؤلف مجهول | ar
كليلة ودمنة | ابن المقفع | ar
شاهنامه | ابوالقاسم فردوسی | fa
رباعیات | عمر خیام | fa
अभिज्ञानशाकुन्तलम् | कालिदास | sa
गीतांजलि | रवीन्द्रनाथ ठाकुर | hi
திருக்குறள் | திருவள்ளுவர் | ta
"""

TITLES: tuple[tuple[str, str, str], ...] = tuple(
    (title, author, language)
    for title, author, language in (line.split(" | ") for line in _BOOKS.strip().splitlines())
)
